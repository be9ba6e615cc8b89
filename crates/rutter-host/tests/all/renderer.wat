;; The contract as an instance of the functions of the core instance `$core`, lifted with the memory of the core
;; instance `$memory`. Packages that are written by hand end with this, whatever crate tries them.
(type $severity (enum "error" "warning"))
(type $position (record (field "line" u32) (field "column" u32)))
(type $diagnostic (record
  (field "severity" $severity) (field "code" string) (field "path" string) (field "position" (option $position))
  (field "message" string) (field "help" (option string))))
(type $description (record
  (field "name" string) (field "version" string) (field "summary" string) (field "api-version" string)
  (field "kind" string) (field "app-versions" (list string)) (field "ownership-label" string)))
(type $object-kind (record
  (field "group" string) (field "name" string) (field "optional" bool) (field "keys-only" bool)))
(type $release (record
  (field "service" string) (field "revision" u32) (field "is-install" bool) (field "is-upgrade" bool)))
(type $capabilities (record (field "kube-version" string) (field "api-versions" (list string))))
(type $request (record
  (field "name" string) (field "namespace" string) (field "values" string) (field "release" (option $release))
  (field "capabilities" (option $capabilities)) (field "installed" (option string))))
(type $manifest (record
  (field "api-version" string) (field "kind" string) (field "name" string) (field "namespace" (option string))
  (field "file-name" string) (field "document" string)))
(type $rendering (record
  (field "manifests" (list $manifest)) (field "warnings" (list $diagnostic)) (field "notes" string)))
(type $state (variant (case "values" $request) (case "objects" string)))
(type $change-request (record
  (field "name" (option string)) (field "namespace" (option string)) (field "values" string)
  (field "accept" (list string)) (field "install" bool) (field "snapshot" bool)))
(type $file (record (field "name" string) (field "text" string)))
(type $command (record
  (field "purpose" string) (field "line" string) (field "unless" (option string)) (field "within" (option u32))))
(type $step (record
  (field "name" string) (field "title" string) (field "reason" string) (field "effects" (list string))
  (field "manifests" (list $manifest)) (field "files" (list $file)) (field "commands" (list $command))))
(type $change (variant (case "nothing") (case "apply" $step) (case "steps" (list $step))))
(type $difference (record
  (field "object" string) (field "path" string) (field "installed" string) (field "desired" string)))
(type $way (record
  (field "name" string) (field "namespace" string) (field "summary" string) (field "prelude" string)
  (field "preflight" (list $command)) (field "change" $change) (field "differences" (list $difference))
  (field "warnings" (list $diagnostic))))
(func $describe (result $description)
  (canon lift (core func $core "describe") (memory (core memory $memory "memory"))))
(func $text (result string)
  (canon lift (core func $core "text") (memory (core memory $memory "memory"))))
(func $schema (result string)
  (canon lift (core func $core "schema") (memory (core memory $memory "memory"))))
(func $render (param "request" $request) (result (result $rendering (error (list $diagnostic))))
  (canon lift (core func $core "render") (memory (core memory $memory "memory"))
    (realloc (core func $core "realloc"))))
(func $observes (result (list $object-kind))
  (canon lift (core func $core "observes") (memory (core memory $memory "memory"))))
(func $plan (param "installed" $state) (param "desired" $change-request) (result (result $way (error (list $diagnostic))))
  (canon lift (core func $core "plan") (memory (core memory $memory "memory"))
    (realloc (core func $core "realloc"))))
(instance $renderer
  (export "severity" (type $severity)) (export "position" (type $position))
  (export "diagnostic" (type $diagnostic)) (export "description" (type $description))
  (export "release" (type $release)) (export "capabilities" (type $capabilities))
  (export "request" (type $request)) (export "manifest" (type $manifest)) (export "rendering" (type $rendering))
  (export "state" (type $state)) (export "object-kind" (type $object-kind)) (export "change-request" (type $change-request))
  (export "file" (type $file)) (export "command" (type $command)) (export "step" (type $step))
  (export "change" (type $change)) (export "difference" (type $difference)) (export "way" (type $way)) (export "observes" (func $observes))
  (export "plan" (func $plan))
  (export "describe" (func $describe)) (export "schema" (func $schema)) (export "defaults" (func $text))
  (export "render" (func $render)))
(export "rutter:package/renderer@0.2.0" (instance $renderer))
