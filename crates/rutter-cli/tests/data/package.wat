;; A package that gives the same answer to everything. What its `render` gives is filled in for RENDER:
;;
;; - (i32.const 768) two objects and a warning,
;; - (i32.const 800) a refusal of what stands at the tenth column of the first line.
(component
  (core module $module
    (memory (export "memory") 2)
    (data (i32.const 16) "text")
    (data (i32.const 24) "b")
    (data (i32.const 32) "a.yaml")
    (data (i32.const 48) "b.yaml")
    (data (i32.const 64) "kind: A\nvalue: 1.50\n")
    (data (i32.const 96) "kind: B\nvalue: \"on\"\n")
    ;; Manifests: apiVersion, kind, name, no namespace, file name, document.
    (data (i32.const 256) (i32 16 4  16 4  16 4  0 0 0  32 6  64 20))
    (data (i32.const 308) (i32 16 4  16 4  24 1  0 0 0  48 6  96 20))
    ;; Diagnostics: severity, code, path, position or none, message, no help.
    (data (i32.const 512) (i32 1  16 4  16 4  0 0 0  16 4  0 0 0))
    (data (i32.const 640) (i32 0  16 4  16 4  1 1 10  16 4  0 0 0))
    ;; Manifests, warnings and notes, or diagnostics.
    (data (i32.const 768) (i32 0  256 2  512 1  0 0))
    (data (i32.const 800) (i32 1  640 1))
    ;; A schema.
    (data (i32.const 1024) "{\"properties\":{\"b\":{\"type\":\"object\",\"properties\":{\"c\":{\"type\":\"string\"}}},\"a\":{\"type\":\"integer\",\"description\":\"\\u001b[1mOne.\"}}}")
    (data (i32.const 840) (i32 1024 128))
    ;; A text, and what `describe` gives: five texts and an empty list.
    (data (i32.const 832) (i32 16 4))
    (data (i32.const 848) (i32 16 4  16 4  16 4  16 4  16 4  0 0))
    (global $free (mut i32) (i32.const 65536))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (global.set $free (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
      (global.get $free)
      (global.set $free (i32.add (global.get $free) (local.get 3))))
    (func (export "text") (result i32) (i32.const 832))
    (func (export "schema") (result i32) (i32.const 840))
    (func (export "describe") (result i32) (i32.const 848))
    (func (export "plan") (param i32) (result i32) unreachable)
    (func (export "render") (param i32) (result i32) RENDER))
  (core instance $core (instantiate $module))
  (type $severity (enum "error" "warning"))
  (type $position (record (field "line" u32) (field "column" u32)))
  (type $diagnostic (record
    (field "severity" $severity) (field "code" string) (field "path" string) (field "position" (option $position))
    (field "message" string) (field "help" (option string))))
  (type $description (record
    (field "name" string) (field "version" string) (field "summary" string) (field "api-version" string)
    (field "kind" string) (field "app-versions" (list string))))
  (type $release (record
    (field "service" string) (field "revision" u32) (field "is-install" bool) (field "is-upgrade" bool)))
  (type $capabilities (record (field "kube-version" string) (field "api-versions" (list string))))
  (type $request (record
    (field "name" string) (field "namespace" string) (field "values" string) (field "release" (option $release))
    (field "capabilities" (option $capabilities)) (field "current" (option string))))
  (type $manifest (record
    (field "api-version" string) (field "kind" string) (field "name" string) (field "namespace" (option string))
    (field "file-name" string) (field "document" string)))
  (type $rendering (record
    (field "manifests" (list $manifest)) (field "warnings" (list $diagnostic)) (field "notes" string)))
  (type $state (variant (case "values" $request) (case "objects" string)))
  (type $command (record
    (field "purpose" string) (field "line" string) (field "unless" (option string)) (field "within" (option u32))))
  (type $step (record
    (field "name" string) (field "title" string) (field "reason" string) (field "manifests" (list $manifest))
    (field "commands" (list $command))))
  (type $change (variant (case "nothing") (case "apply" $step) (case "steps" (list $step))))
  (type $way (record (field "change" $change) (field "warnings" (list $diagnostic))))
  (func $describe (result $description)
    (canon lift (core func $core "describe") (memory (core memory $core "memory"))))
  (func $text (result string)
    (canon lift (core func $core "text") (memory (core memory $core "memory"))))
  (func $schema (result string)
    (canon lift (core func $core "schema") (memory (core memory $core "memory"))))
  (func $render (param "request" $request) (result (result $rendering (error (list $diagnostic))))
    (canon lift (core func $core "render") (memory (core memory $core "memory")) (realloc (core func $core "realloc"))))
  (func $plan (param "current" $state) (param "desired" $request) (result (result $way (error (list $diagnostic))))
    (canon lift (core func $core "plan") (memory (core memory $core "memory")) (realloc (core func $core "realloc"))))
  (instance $renderer
    (export "severity" (type $severity)) (export "position" (type $position))
    (export "diagnostic" (type $diagnostic)) (export "description" (type $description))
    (export "release" (type $release)) (export "capabilities" (type $capabilities))
    (export "request" (type $request)) (export "manifest" (type $manifest)) (export "rendering" (type $rendering))
    (export "state" (type $state)) (export "command" (type $command)) (export "step" (type $step))
    (export "change" (type $change)) (export "way" (type $way)) (export "plan" (func $plan))
    (export "describe" (func $describe)) (export "schema" (func $schema)) (export "defaults" (func $text))
    (export "render" (func $render)))
  (export "rutter:package/renderer@0.1.0" (instance $renderer)))
