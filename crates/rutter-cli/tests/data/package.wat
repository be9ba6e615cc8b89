;; A package that gives the same answer to everything. The contract is filled in for CONTRACT, from the tests of
;; rutter-host, and what its `render` gives for RENDER:
;;
;; - (i32.const 768) two objects and a warning,
;; - (i32.const 1288) the same with SAID as its notes,
;; - (i32.const 800) a refusal of what stands at the tenth column of the first line,
;; - (i32.const 968) a refusal whose every text is SAID, of LENGTH bytes; so is the summary of the package.
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
    (data (i32.const 912) (i32 0  4096 LENGTH  4096 LENGTH  1 1 1  4096 LENGTH  1 4096 LENGTH))
    (data (i32.const 4096) "SAID")
    ;; Manifests, warnings and notes, or diagnostics.
    (data (i32.const 768) (i32 0  256 2  512 1  0 0))
    (data (i32.const 800) (i32 1  640 1))
    (data (i32.const 968) (i32 1  912 1))
    (data (i32.const 1288) (i32 0  256 2  512 1  4096 LENGTH))
    ;; A schema.
    (data (i32.const 1024) "{\"properties\":{\"b\":{\"type\":\"object\",\"properties\":{\"c\":{\"type\":\"string\"}}},\"a\":{\"type\":\"integer\",\"description\":\"\\u001b[1mOne.\"}}}")
    (data (i32.const 840) (i32 1024 128))
    ;; A text, and what `describe` gives: five texts, an empty list and a text.
    (data (i32.const 832) (i32 16 4))
    (data (i32.const 848) (i32 16 4  16 4  4096 LENGTH  16 4  16 4  0 0  16 4))
    (global $free (mut i32) (i32.const 65536))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (global.set $free (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
      (global.get $free)
      (global.set $free (i32.add (global.get $free) (local.get 3))))
    (func (export "text") (result i32) (i32.const 832))
    (func (export "schema") (result i32) (i32.const 840))
    (func (export "describe") (result i32) (i32.const 848))
    ;; A code: what it is called, an error, its summary and an example; and the list of it, and of one that is SAID.
    (data (i32.const 1200) "not-text")
    (data (i32.const 1216) (i32 1200 8  0  16 4  64 8  4096 LENGTH  1  4096 LENGTH  4096 LENGTH))
    (data (i32.const 1272) (i32 1216 2))
    (func (export "codes") (result i32) (i32.const 1272))
    ;; No resources.
    (func (export "observes") (result i32) (i32.const 1016))
    (func (export "plan") (param i32) (result i32) unreachable)
    (func (export "render") (param i32) (result i32) RENDER))
  (core instance $core (instantiate $module))
  (alias core export $core "memory" (core memory $shared))
  (core instance $memory (export "memory" (memory $shared)))
  (type $severity-of-code (enum "error" "warning"))
  (type $documented-code (record
    (field "id" string) (field "severity" $severity-of-code) (field "summary" string) (field "example" string)))
  (func $codes (result (list $documented-code))
    (canon lift (core func $core "codes") (memory (core memory $memory "memory"))))
  (instance $documentation
    (export "severity" (type $severity-of-code)) (export "documented-code" (type $documented-code))
    (export "codes" (func $codes)))
  (export "rutter:package/documentation@0.2.0" (instance $documentation))
  CONTRACT)
