//! What the host does with packages that misbehave, and that one that does not gets through.

#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests are tests")]

mod guest;

use std::error::Error;
use std::fs;
use std::num::NonZero;
use std::thread;
use std::time::{Duration, Instant};

use rutter::{ChangeRequest, Request, Severity, State};
use rutter_host::{Breach, Cache, Compiler, Host, HostError, Limits, Package};

use guest::Guest;

/// Limits that a guest runs into at once.
const TIGHT: Limits = Limits {
    memory: 1 << 20,
    time: Duration::from_millis(20),
    input: 1 << 10,
    output: 64 << 10,
    component: 64 << 10,
    compile_time: Duration::from_secs(60),
    compile_memory: 1 << 30,
};

fn request() -> Request {
    Request {
        name: "name".to_owned(),
        namespace: "namespace".to_owned(),
        values: "a: 1".to_owned(),
        release: None,
        capabilities: None,
        installed: None,
    }
}

/// Loads a guest under limits that leave room for a slow machine.
fn load(guest: Guest) -> Package {
    load_under(Limits::default(), guest)
}

fn load_under(limits: Limits, guest: Guest) -> Package {
    let host = Host::new(limits).expect("a host");
    host.load_bytes(&guest.component()).expect("a package")
}

fn refused(component: &[u8]) -> HostError {
    let host = Host::new(Limits::default()).expect("a host");
    host.load_bytes(component).expect_err("it must be refused")
}

fn breach(guest: Guest) -> Breach {
    match load(guest).render(&request()) {
        Err(HostError::Contract(breach)) => breach,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_good_package_gets_through() {
    let package = load(Guest::answer(|memory| {
        let manifests = [
            memory.manifest("a.yaml", "kind: A\n"),
            memory.manifest("b.yaml", "kind: B\n"),
        ];
        let warnings = [memory.diagnostic(1)];
        memory.rendering(&manifests, &warnings)
    }));
    assert_eq!(package.schema().expect("a schema"), "text");
    assert_eq!(package.defaults().expect("defaults"), "text");
    assert_eq!(package.describe().expect("a description").api_version, "text");
    let rendering = package.render(&request()).expect("an answer").expect("a rendering");
    let documents: Vec<_> = rendering.manifests.iter().map(|m| m.document.as_str()).collect();
    assert_eq!(documents, ["kind: A\n", "kind: B\n"]);
    assert_eq!(rendering.manifests[0].namespace, None);
    assert_eq!(rendering.warnings[0].severity, Severity::Warning);
}

#[test]
fn a_refusal_gets_through() {
    let package = load(Guest::answer(|memory| {
        let diagnostics = [memory.diagnostic(1), memory.diagnostic(0)];
        memory.refusal(&diagnostics)
    }));
    let diagnostics = package.render(&request()).expect("an answer").expect_err("a refusal");
    assert_eq!(diagnostics.len(), 2);
}

#[test]
fn calls_in_parallel_give_equal_answers() {
    let package = load(Guest::answer(|memory| {
        let manifests = [memory.manifest("a.yaml", "kind: A\n")];
        memory.rendering(&manifests, &[])
    }));
    assert_equal_answers_in_parallel(&package);
}

fn assert_equal_answers_in_parallel(package: &Package) {
    let expected = package.render(&request()).expect("an answer");
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    assert_eq!(package.render(&request()).expect("an answer"), expected);
                }
            });
        }
    });
}

#[test]
fn more_calls_than_a_pool_has_room_for_wait() {
    let guest = Guest::answer(|memory| {
        let manifests = [memory.manifest("a.yaml", "kind: A\n")];
        memory.rendering(&manifests, &[])
    });
    let host = Host::pooled(Limits::default(), NonZero::<u32>::MIN).expect("a host");
    let package = host.load_bytes(&guest.component()).expect("a package");
    assert_equal_answers_in_parallel(&package);
}

#[test]
fn calls_of_a_pool_leave_nothing_to_the_next() {
    let host = Host::pooled(Limits::default(), NonZero::<u32>::MIN).expect("a host");
    let dirty = "(if (i32.load (i32.const 60000)) (then (loop (br 0))))";
    let guest = Guest::render(format!(
        "{dirty} (i32.store (i32.const 60000) (i32.const 1)) unreachable"
    ));
    let package = host.load_bytes(&guest.component()).expect("a package");
    for _ in 0..3 {
        let error = package.render(&request()).expect_err("it traps");
        assert!(matches!(error, HostError::Trap { .. }), "{error:?}");
    }
    let grow = Guest::render("(loop (drop (memory.grow (i32.const 1))) (br 0)) unreachable");
    let package = host.load_bytes(&grow.component()).expect("a package");
    let error = package.render(&request()).expect_err("it grows");
    assert!(matches!(error, HostError::MemoryLimit(_)), "{error:?}");
}

#[test]
fn an_endless_loop_hits_the_time_limit() {
    let package = load_under(TIGHT, Guest::render("(loop (br 0)) unreachable"));
    // Once and again: the second call finds a clock that has already run down once.
    for _ in 0..2 {
        let error = package.render(&request()).expect_err("it never ends");
        assert!(
            matches!(error, HostError::TimeLimit(time) if time == TIGHT.time),
            "{error:?}"
        );
    }
    assert!(package.schema().is_ok(), "other calls are not affected");
}

#[test]
fn a_short_call_outlives_the_limit_of_a_long_one() {
    let host = Host::new(TIGHT).expect("a host");
    let guest = |body: &str| host.load_bytes(&Guest::render(body).component()).expect("a package");
    let (endless, good) = (guest("(loop (br 0)) unreachable"), guest("unreachable"));
    thread::scope(|scope| {
        let endless = scope.spawn(|| endless.render(&request()));
        while !endless.is_finished() {
            let begin = Instant::now();
            let answer = good.schema();
            // A machine with other work can starve a call beyond its own limit, which is none of the long one's doing.
            assert!(answer.is_ok() || begin.elapsed() >= TIGHT.time, "{answer:?}");
        }
    });
}

#[test]
fn growth_hits_the_memory_limit() {
    let grow = "(loop (drop (memory.grow (i32.const 1))) (br 0)) unreachable";
    let limits = Limits {
        memory: 1 << 20,
        ..Limits::default()
    };
    let error = load_under(limits, Guest::render(grow))
        .render(&request())
        .expect_err("too much");
    assert!(matches!(error, HostError::MemoryLimit(1_048_576)), "{error:?}");
}

#[test]
fn a_memory_that_is_too_large_at_the_start_hits_the_memory_limit() {
    let guest = Guest {
        pages: 17,
        ..Guest::render("unreachable")
    };
    let limits = Limits {
        memory: 1 << 20,
        ..Limits::default()
    };
    let error = load_under(limits, guest).schema().expect_err("too much");
    assert!(matches!(error, HostError::MemoryLimit(_)), "{error:?}");
}

#[test]
fn a_long_text_hits_the_output_limit() {
    let package = load_under(
        Limits {
            output: 64 << 10,
            ..Limits::default()
        },
        Guest::answer(|memory| {
            let mut manifest = memory.manifest("a.yaml", "");
            manifest[11..13].copy_from_slice(&[0, 65_537]);
            memory.rendering(&[manifest], &[])
        }),
    );
    let error = package.render(&request()).expect_err("too much");
    assert!(matches!(error, HostError::OutputLimit(65_536)), "{error:?}");
}

#[test]
fn texts_that_share_their_memory_count_each() {
    // 2^16 manifests, all but the file name of which are the same 64 KiB of zeros: 4 MiB of memory, 20 GiB of answer.
    let mut guest = Guest::answer(|memory| memory.record(&[&[0], &[131_072, 65_536], &[0, 0], &[0, 0]]));
    guest.pages = 64;
    guest.render = format!(
        "(local $at i32) (local.set $at (i32.const 131072))
         (loop
            (i32.store offset=4 (local.get $at) (i32.const 65536))
            (i32.store offset=12 (local.get $at) (i32.const 65536))
            (i32.store offset=20 (local.get $at) (i32.const 65536))
            (i32.store offset=48 (local.get $at) (i32.const 65536))
            (local.set $at (i32.add (local.get $at) (i32.const 52)))
            (br_if 0 (i32.lt_u (local.get $at) (i32.const 3538944))))
         {}",
        guest.render
    );
    let error = load(guest).render(&request()).expect_err("too much");
    assert!(matches!(error, HostError::OutputLimit(_)), "{error:?}");
}

#[test]
fn what_is_asked_is_held_to_the_input_limit() {
    let package = load_under(TIGHT, Guest::render("unreachable"));
    let asked = |values: usize| Request {
        values: "a".repeat(values),
        ..request()
    };
    // With the name and the namespace.
    for (values, fits) in [(TIGHT.input - 13, true), (TIGHT.input - 12, false)] {
        let error = package.render(&asked(values)).expect_err("it never answers");
        assert_eq!(matches!(error, HostError::InputLimit(1024)), !fits, "{error:?}");
    }
    let installed = State::Objects("a".repeat(TIGHT.input));
    let error = package
        .plan(&installed, &ChangeRequest::new("a"))
        .expect_err("too much");
    assert!(matches!(error, HostError::InputLimit(_)), "{error:?}");
    assert!(package.schema().is_ok(), "other calls are not affected");
}

#[test]
fn a_component_is_held_to_its_limit() {
    let component = Guest::render("unreachable").component();
    for (most, fits) in [(component.len(), true), (component.len() - 1, false)] {
        let limits = Limits {
            component: most,
            ..Limits::default()
        };
        let loaded = Host::new(limits).expect("a host").load_bytes(&component);
        assert_eq!(loaded.is_ok(), fits, "{loaded:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_component_without_end_is_not_read_to_it() {
    let error = Host::new(TIGHT).expect("a host").load("/dev/zero");
    assert!(matches!(error, Err(HostError::ComponentLimit(_))), "{error:?}");
}

#[test]
fn a_recursion_without_end_is_a_trap() {
    let error = load(Guest::render("(call $render (local.get 0))"))
        .render(&request())
        .expect_err("no answer");
    assert!(
        matches!(&error, HostError::Trap { reason, .. } if reason.contains("call stack exhausted")),
        "{error:?}"
    );
}

#[test]
fn a_trap_says_what_happened() {
    let error = load(Guest::render("unreachable"))
        .render(&request())
        .expect_err("a trap");
    let HostError::Trap { reason, stderr } = &error else {
        panic!("{error:?}");
    };
    assert!(reason.contains("unreachable"), "{reason}");
    assert_eq!(stderr, "");
    assert!(error.source().is_none());
}

/// A guest that writes `text` to standard error so many times and then traps.
fn writer(text: &str, times: u32) -> Guest {
    let mut guest = Guest {
        imports: r#"
            (import "wasi:io/error@0.2.0" (instance $error (export "error" (type (sub resource)))))
            (alias export $error "error" (type $error-type))
            (import "wasi:io/streams@0.2.0" (instance $streams
                (alias outer 1 $error-type (type $error))
                (export "output-stream" (type $stream (sub resource)))
                (type $failure (variant (case "last-operation-failed" (own $error)) (case "closed")))
                (export "stream-error" (type $stream-error (eq $failure)))
                (export "[method]output-stream.blocking-write-and-flush"
                    (func (param "self" (borrow $stream)) (param "contents" (list u8))
                        (result (result (error $stream-error)))))))
            (alias export $streams "output-stream" (type $stream-type))
            (import "wasi:cli/stderr@0.2.0" (instance $stderr
                (alias outer 1 $stream-type (type $stream))
                (export "output-stream" (type $output-stream (eq $stream)))
                (export "get-stderr" (func (result (own $output-stream))))))
            (core func $get-stderr (canon lower (func $stderr "get-stderr")))
            (core func $write (canon lower (func $streams "[method]output-stream.blocking-write-and-flush")
                (memory (core memory $memory "memory"))))"#,
        host: r#"(export "get-stderr" (func $get-stderr)) (export "write" (func $write))"#,
        core_imports: r#"
            (import "host" "get-stderr" (func $get-stderr (result i32)))
            (import "host" "write" (func $write (param i32 i32 i32 i32)))"#,
        ..Guest::render("")
    };
    let [address, length] = guest.memory.string(text);
    guest.render = format!(
        "(local $left i32) (local.set $left (i32.const {times}))
         (loop
            (call $write (call $get-stderr) (i32.const {address}) (i32.const {length}) (i32.const 16))
            (local.set $left (i32.sub (local.get $left) (i32.const 1)))
            (br_if 0 (local.get $left)))
         unreachable"
    );
    guest
}

#[test]
fn a_trap_carries_the_panic_message() {
    let error = load(writer("panicked at src/lib.rs:1:2:\n\u{1b}boom\n", 1))
        .render(&request())
        .expect_err("a trap");
    let HostError::Trap { stderr, .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(stderr, "panicked at src/lib.rs:1:2:\nboom");
    let text = error.to_string();
    let (line, rest) = text.split_once('\n').expect("lines");
    assert!(line.starts_with("the package crashed: "), "{line}");
    assert_eq!(rest, "  | panicked at src/lib.rs:1:2:\n  | boom");
}

#[test]
fn what_is_kept_of_standard_error_is_bounded() {
    let error = load(writer(&"a".repeat(1 << 12), 1 << 10))
        .render(&request())
        .expect_err("a trap");
    let HostError::Trap { stderr, .. } = error else {
        panic!("{error:?}");
    };
    assert_eq!(stderr.len(), 16 << 10);
}

#[test]
fn writing_without_end_hits_the_time_limit() {
    let error = load_under(TIGHT, writer("a", u32::MAX))
        .render(&request())
        .expect_err("it never ends");
    assert!(matches!(error, HostError::TimeLimit(_)), "{error:?}");
}

#[test]
fn handles_are_bounded() {
    // Each handle is the host's memory, which the memory limit does not count.
    let guest = Guest {
        imports: r#"
            (import "wasi:io/error@0.2.0" (instance $error (export "error" (type (sub resource)))))
            (import "wasi:io/streams@0.2.0" (instance $streams (export "input-stream" (type (sub resource)))))
            (alias export $streams "input-stream" (type $stream-type))
            (import "wasi:cli/stdin@0.2.0" (instance $stdin
                (alias outer 1 $stream-type (type $stream))
                (export "input-stream" (type $input-stream (eq $stream)))
                (export "get-stdin" (func (result (own $input-stream))))))
            (core func $get-stdin (canon lower (func $stdin "get-stdin")))"#,
        host: r#"(export "get-stdin" (func $get-stdin))"#,
        core_imports: r#"(import "host" "get-stdin" (func $get-stdin (result i32)))"#,
        ..Guest::render("(loop (drop (call $get-stdin)) (br 0)) unreachable")
    };
    let error = load(guest).render(&request()).expect_err("no answer");
    assert!(
        matches!(&error, HostError::Trap { reason, .. } if reason.contains("handle limit")),
        "{error:?}"
    );
}

#[test]
fn exiting_is_a_trap() {
    let guest = Guest {
        imports: r#"
            (import "wasi:cli/exit@0.2.0" (instance $exit (export "exit" (func (param "status" (result))))))
            (core func $exit (canon lower (func $exit "exit")))"#,
        host: r#"(export "exit" (func $exit))"#,
        core_imports: r#"(import "host" "exit" (func $exit (param i32)))"#,
        ..Guest::render("(call $exit (i32.const 0)) unreachable")
    };
    let error = load(guest).render(&request()).expect_err("no answer");
    assert!(
        matches!(&error, HostError::Trap { reason, .. } if reason.contains("exited")),
        "{error:?}"
    );
}

#[test]
fn file_names_are_plain() {
    for name in ["../a.yaml", "a/b.yaml", "a\\b.yaml", "", "..", "a\0.yaml"] {
        let guest = Guest::answer(|memory| {
            let manifest = memory.manifest(name, "kind: A\n");
            memory.rendering(&[manifest], &[])
        });
        assert_eq!(breach(guest), Breach::FileName(name.to_owned()));
    }
}

#[test]
fn file_names_are_unique() {
    let guest = Guest::answer(|memory| {
        let manifests = [
            memory.manifest("a.yaml", "kind: A\n"),
            memory.manifest("A.yaml", "kind: A\n"),
        ];
        memory.rendering(&manifests, &[])
    });
    assert_eq!(breach(guest), Breach::DuplicateFileName("A.yaml".to_owned()));
}

#[test]
fn documents_cannot_become_others() {
    let document = |document: &'static str| {
        breach(Guest::answer(|memory| {
            let manifest = memory.manifest("a.yaml", document);
            memory.rendering(&[manifest], &[])
        }))
    };
    let name = || "a.yaml".to_owned();
    assert_eq!(document("kind: A"), Breach::UnfinishedDocument(name()));
    assert_eq!(document("kind: A\n---\nkind: B\n"), Breach::DocumentMarker(name()));
    assert_eq!(document("---\nkind: A\n"), Breach::DocumentMarker(name()));
}

#[test]
fn steps_of_plans_are_plain() {
    let plan_of = |names: &[&str], line: &str, value: &str| {
        let package = load(Guest::plan(|memory| memory.steps(names, line, value)));
        let state = State::Objects(String::new());
        match package.plan(&state, &ChangeRequest::new("")) {
            Ok(plan) => Ok(plan.expect("a plan")),
            Err(HostError::Contract(breach)) => Err(breach),
            Err(other) => panic!("{other:?}"),
        }
    };
    let plan = |names: &[&str], line: &str| plan_of(names, line, "1");
    let good = plan(&["a", "b"], "true").expect("a plan");
    assert_eq!(good.differences[0].installed, "1");
    let lines: Vec<_> = good.change.steps().iter().map(|step| &*step.commands[0].line).collect();
    assert_eq!(lines, ["true", "true"]);
    assert_eq!(plan(&["a", "../b"], "true"), Err(Breach::FileName("../b".to_owned())));
    assert_eq!(
        plan(&["a", "A"], "true"),
        Err(Breach::DuplicateFileName("A".to_owned()))
    );
    assert_eq!(
        plan(&["a"], "true\nfalse"),
        Err(Breach::SeveralLines("true\nfalse".to_owned()))
    );
    assert_eq!(
        plan_of(&["a"], "true", "1\nforged"),
        Err(Breach::SeveralLines("1\nforged".to_owned()))
    );
}

#[test]
fn severities_fit_the_outcome() {
    let guest = Guest::answer(|memory| {
        let error = memory.diagnostic(0);
        memory.rendering(&[], &[error])
    });
    assert_eq!(breach(guest), Breach::ErrorAmongWarnings("text".to_owned()));
    let guest = Guest::answer(|memory| {
        let warning = memory.diagnostic(1);
        memory.refusal(&[warning])
    });
    assert_eq!(breach(guest), Breach::RefusalWithoutError);
}

#[test]
fn other_bytes_are_not_components() {
    for bytes in [&b""[..], b"kind: A\n", b"\0asm\x01\0\0\0", b"\0asm\x0d\0\x01\0\xff"] {
        let error = refused(bytes);
        assert!(matches!(error, HostError::NotAComponent(_)), "{error:?}");
    }
}

#[test]
fn a_component_without_the_exports_is_named_so() {
    let error = refused(&wat::parse_str("(component)").expect("a component"));
    assert!(
        matches!(&error, HostError::MissingExport(name) if name == "rutter:package/renderer@0.2.0"),
        "{error:?}"
    );
}

/// A component that exports something else under the contract's name, with one function `schema` of type `ty`.
fn impostor(ty: &str) -> Vec<u8> {
    let text = format!(
        r#"(component
            (core module $m
                (memory (export "memory") 1)
                (func (export "schema") (result i32) i32.const 0))
            (core instance $i (instantiate $m))
            (func $schema {ty} (canon lift (core func $i "schema") (memory (core memory $i "memory"))))
            (instance $renderer (export "schema" (func $schema)))
            (export "rutter:package/renderer@0.2.0" (instance $renderer)))"#
    );
    wat::parse_str(text).expect("a component")
}

#[test]
fn a_missing_function_is_named() {
    let error = refused(&impostor("(result string)"));
    assert!(
        matches!(&error, HostError::MissingExport(name) if name == "rutter:package/renderer@0.2.0#describe"),
        "{error:?}"
    );
}

/// A guest that imports `interface` with one function `name` of this type, and lowers it.
fn importing(interface: &str, name: &str, ty: &str, lowered: &str, render: &str) -> Guest {
    let leak = |text: String| -> &'static str { text.leak() };
    Guest {
        imports: leak(format!(
            r#"(import "{interface}" (instance $interface (export "{name}" {ty})))
            (core func $called (canon lower (func $interface "{name}")
                (memory (core memory $memory "memory")) (realloc (core func $libc "realloc"))))"#
        )),
        host: r#"(export "called" (func $called))"#,
        core_imports: leak(format!(r#"(import "host" "called" (func $called {lowered}))"#)),
        ..Guest::render(render)
    }
}

#[test]
fn forbidden_imports_are_named() {
    for name in [
        "wasi:clocks/timezone@0.2.12",
        "wasi:clocks/wall-clock@0.3.0",
        "wasi:clocks/wall-clock@0.2.0-rc-2023-11-10",
        "wasi:filesystem/types",
        "wasi:keyvalue/store@0.2.0-draft",
        "somebody:database/client",
    ] {
        let guest = importing(name, "now", "(func (result u64))", "(result i64)", "unreachable");
        let error = refused(&guest.component());
        assert!(
            matches!(&error, HostError::ForbiddenImports(names) if names == &[name]),
            "{name}: {error:?}"
        );
    }
    let imports: String = (0..99).map(|number| format!("(import \"f{number}\" (func))")).collect();
    let guest = Guest {
        imports: imports.leak(),
        ..Guest::render("unreachable")
    };
    let error = refused(&guest.component());
    assert!(
        matches!(&error, HostError::ForbiddenImports(names) if names.len() == 12),
        "{error:?}"
    );
    assert!(
        error.to_string().starts_with("this component imports `f0`, `f1`, "),
        "{error}"
    );
}

/// Checks that come before the compiler need no valid code.
#[test]
fn what_is_no_package_is_not_compiled() {
    let invalid = "(core module (func (result i32)))";
    let error = refused(&wat::parse_str(format!("(component {invalid})")).expect("a component"));
    assert!(matches!(&error, HostError::MissingExport(_)), "{error:?}");
    let guest = Guest {
        imports: r#"(core module (func (result i32))) (import "f" (func))"#,
        ..Guest::render("unreachable")
    };
    let error = refused(&guest.component());
    assert!(matches!(&error, HostError::ForbiddenImports(_)), "{error:?}");
    let guest = Guest {
        imports: r"(core module (func (result i32)))",
        ..Guest::render("unreachable")
    };
    let error = refused(&guest.component());
    assert!(matches!(&error, HostError::NotAComponent(_)), "{error:?}");
}

/// The runtimes of other languages import files and connections. They may, as long as they leave them alone.
#[test]
fn files_and_connections_can_be_imported_and_not_used() {
    for interface in [
        "wasi:filesystem/types@0.2.0",
        "wasi:http/outgoing-handler@0.2.12",
        "wasi:sockets/tcp@0.2.9",
    ] {
        let guest = |body: &str| importing(interface, "call", "(func (result u64))", "(result i64)", body);
        let render = |body: &str| load(guest(body)).render(&request()).expect_err("a trap");
        let error = render("(drop (call $called)) unreachable");
        assert!(
            matches!(&error, HostError::Trap { reason, .. } if reason.contains(&format!("{interface}#call"))),
            "{error:?}"
        );
        let error = render("unreachable");
        assert!(
            matches!(&error, HostError::Trap { reason, .. } if !reason.contains(interface)),
            "{error:?}"
        );
    }
}

/// Calls `$called`, whose result `same` compares on the stack, and traps if it is another one.
fn answers(interface: &str, name: &str, ty: &str, lowered: &str, same: &str) {
    let render = format!("{same} (if (then) (else (loop (br 0)))) unreachable");
    let package = load(importing(interface, name, ty, lowered, &render));
    // Each call starts from the beginning.
    for _ in 0..2 {
        let error = package.render(&request()).expect_err("a trap");
        assert!(
            matches!(&error, HostError::Trap { reason, .. } if reason.contains("unreachable")),
            "{interface}#{name}: {error:?}"
        );
    }
}

#[test]
fn clocks_and_random_numbers_are_fixed() {
    let result = "(func (result u64))";
    answers(
        "wasi:clocks/monotonic-clock@0.2.9",
        "now",
        result,
        "(result i64)",
        "(i32.and (i64.eq (call $called) (i64.const 1000000)) (i64.eq (call $called) (i64.const 2000000)))",
    );
    for (interface, name) in [
        ("wasi:random/random@0.2.0", "get-random-u64"),
        ("wasi:random/insecure@0.2.0", "get-insecure-random-u64"),
    ] {
        let first = "(i64.eq (call $called) (i64.const 0xe220a8397b1dcdaf))";
        answers(interface, name, result, "(result i64)", first);
    }
    answers(
        "wasi:random/insecure-seed@0.2.0",
        "insecure-seed",
        "(func (result (tuple u64 u64)))",
        "(param i32)",
        "(call $called (i32.const 8)) (i64.eq (i64.load (i32.const 8)) (i64.const 0xe220a8397b1dcdaf))",
    );
    answers(
        "wasi:random/random@0.2.12",
        "get-random-bytes",
        "(func (param \"len\" u64) (result (list u8)))",
        "(param i64 i32)",
        "(call $called (i64.const 9) (i32.const 8))
         (i32.and (i32.eq (i32.load (i32.const 12)) (i32.const 9))
            (i64.eq (i64.load (i32.load (i32.const 8))) (i64.const 0xe220a8397b1dcdaf)))",
    );
}

#[test]
fn random_bytes_are_bounded() {
    let guest = importing(
        "wasi:random/random@0.2.0",
        "get-random-bytes",
        "(func (param \"len\" u64) (result (list u8)))",
        "(param i64 i32)",
        "(call $called (i64.const -1) (i32.const 8)) unreachable",
    );
    let error = load(guest).render(&request()).expect_err("a trap");
    assert!(
        matches!(&error, HostError::Trap { reason, .. } if reason.contains("random bytes")),
        "{error:?}"
    );
}

/// Go's runtime looks for directories at its start.
#[test]
fn there_are_no_directories() {
    let guest = Guest {
        imports: r#"
            (import "wasi:filesystem/types@0.2.0" (instance $files (export "descriptor" (type (sub resource)))))
            (alias export $files "descriptor" (type $opened))
            (import "wasi:filesystem/preopens@0.2.0" (instance $preopens
                (alias outer 1 $opened (type $opened))
                (export "descriptor" (type $descriptor (eq $opened)))
                (export "get-directories" (func (result (list (tuple (own $descriptor) string)))))))
            (core func $called (canon lower (func $preopens "get-directories")
                (memory (core memory $memory "memory")) (realloc (core func $libc "realloc"))))"#,
        host: r#"(export "called" (func $called))"#,
        core_imports: r#"(import "host" "called" (func $called (param i32)))"#,
        ..Guest::render(
            "(i32.store (i32.const 12) (i32.const 9)) (call $called (i32.const 8))
             (if (i32.load (i32.const 12)) (then (loop (br 0)))) unreachable",
        )
    };
    let error = load(guest).render(&request()).expect_err("a trap");
    assert!(
        matches!(&error, HostError::Trap { reason, .. } if reason.contains("unreachable")),
        "{error:?}"
    );
}

/// The bits of a NaN are the same on every processor: here the sign, which x86-64 sets and aarch64 does not.
#[test]
fn arithmetic_is_the_same_on_every_machine() {
    let nan = "(i64.eq (i64.reinterpret_f64 (f64.div (local.get $zero) (local.get $zero)))
            (i64.const 0x7ff8000000000000))";
    let guest = Guest::render(format!(
        "(local $zero f64) {nan} (if (then) (else (loop (br 0)))) unreachable"
    ));
    let error = load(guest).render(&request()).expect_err("a trap");
    assert!(
        matches!(&error, HostError::Trap { reason, .. } if reason.contains("unreachable")),
        "{error:?}"
    );
}

#[test]
fn memory_is_not_shared() {
    let guest = Guest {
        imports: r"(core module (memory 1 1 shared))",
        ..Guest::render("unreachable")
    };
    let error = refused(&guest.component());
    assert!(matches!(&error, HostError::NotAComponent(_)), "{error:?}");
}

#[test]
fn imports_of_another_type_are_told_apart() {
    for interface in ["wasi:cli/environment@0.2.0", "wasi:clocks/wall-clock@0.2.0"] {
        let name = if interface.contains("cli") {
            "get-arguments"
        } else {
            "now"
        };
        let guest = importing(interface, name, "(func (result u8))", "(result i32)", "unreachable");
        let error = refused(&guest.component());
        assert!(matches!(error, HostError::WrongImport(_)), "{error:?}");
    }
}

/// A compiler that is a process of its own.
fn compiler() -> Compiler {
    Compiler::new(env!("CARGO_BIN_EXE_rutter-precompile"), ["compile-component".into()])
}

fn load_by(compiler: Compiler, limits: Limits, component: &[u8]) -> Result<Package, HostError> {
    let host = Host::new(limits).expect("a host");
    host.compiling_with(compiler).load_bytes(component)
}

/// A component of a few kilobytes that a compiler works on for minutes: each call passes a thousand values.
fn hard_to_compile() -> Vec<u8> {
    let values = "i64 ".repeat(1000);
    let guest = Guest {
        imports: format!(
            "(core module
                (type $values (func (result {values})))
                (type $pass (func (param {values}) (result {values})))
                (import \"\" \"a\" (func $give (type $values)))
                (import \"\" \"b\" (func $pass (type $pass)))
                (func (type $values) call $give {}))",
            "call $pass ".repeat(400)
        )
        .leak(),
        ..Guest::render("unreachable")
    };
    let component = guest.component();
    assert!(component.len() < 8 << 10, "{}", component.len());
    component
}

#[test]
fn compilers_give_what_this_process_would() {
    let package = load_by(compiler(), Limits::default(), &Guest::render("unreachable").component());
    assert_eq!(package.expect("a package").schema().expect("a schema"), "text");
    let guest = Guest {
        imports: r"(core module (func (result i32)))",
        ..Guest::render("unreachable")
    };
    let invalid = guest.component();
    let [error, expected] = [
        load_by(compiler(), Limits::default(), &invalid).expect_err("it is invalid"),
        refused(&invalid),
    ]
    .map(|error| error.source().map(ToString::to_string));
    let (error, expected) = (error.expect("a reason"), expected.expect("a reason"));
    assert!(error.starts_with(&expected) && !error.contains('\n'), "{error}");
}

#[test]
fn compiling_hits_its_time_limit() {
    let limits = Limits {
        compile_time: Duration::from_millis(300),
        ..Limits::default()
    };
    let begin = Instant::now();
    let error = load_by(compiler(), limits, &hard_to_compile()).expect_err("it takes minutes");
    assert!(
        matches!(&error, HostError::CompileTimeLimit(time) if *time == limits.compile_time),
        "{error:?}"
    );
    assert!(begin.elapsed() < Duration::from_secs(30), "{:?}", begin.elapsed());
}

#[cfg(target_os = "linux")]
#[test]
fn compiling_hits_its_memory_limit() {
    let limits = Limits {
        compile_memory: 24 << 20,
        ..Limits::default()
    };
    let error = load_by(compiler(), limits, &hard_to_compile()).expect_err("it takes gigabytes");
    assert!(
        matches!(&error, HostError::CompileMemoryLimit(bytes) if *bytes == limits.compile_memory),
        "{error:?}"
    );
}

/// A host that was killed kills nothing.
#[cfg(target_os = "linux")]
#[test]
fn compilers_end_without_their_host() {
    use std::io::Write as _;
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::{Command, Stdio};

    let mut child = Command::new(env!("CARGO_BIN_EXE_rutter-precompile"))
        .args(["compile-component", "1000000000", "1"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("a compiler");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(&hard_to_compile()).expect("a reader");
    drop(stdin);
    assert_eq!(child.wait().expect("an end").signal(), Some(24));
}

#[test]
fn compilers_that_do_not_compile_are_errors() {
    let component = Guest::render("unreachable").component();
    let other = |program: &str| Compiler::new(program, []);
    for program in ["no-such-program", "false", "true"] {
        let error = load_by(other(program), Limits::default(), &component).expect_err("it is no compiler");
        // What `true` wrote is no code.
        let expected = if program == "true" { "Incompatible" } else { "Compiler" };
        assert!(format!("{error:?}").starts_with(expected), "{program}: {error:?}");
        assert!(
            program != "false"
                || error
                    .source()
                    .is_some_and(|status| status.to_string() == "exit status: 1")
        );
    }
}

#[test]
fn what_was_compiled_is_compiled_once() {
    let directory = tempfile::tempdir().expect("a directory");
    let cache = || Cache::open(directory.path().join("cache")).expect("a cache");
    let component = Guest::render("unreachable").component();
    let broken = || Compiler::new("no-such-program", []).with_cache(cache());
    load_by(broken(), Limits::default(), &component).expect_err("nothing is cached");
    load_by(compiler().with_cache(cache()), Limits::default(), &component).expect("a package");
    let package = load_by(broken(), Limits::default(), &component).expect("it is cached");
    assert_eq!(package.schema().expect("a schema"), "text");
    assert_eq!(package.describe().expect("a description").api_version, "text");
    let other = Guest::render("unreachable unreachable").component();
    load_by(broken(), Limits::default(), &other).expect_err("it is another component");
}

/// Runs in the cache that others write to, and damage, at the same time.
#[test]
fn calls_in_parallel_share_a_cache() {
    let directory = tempfile::tempdir().expect("a directory");
    let component = Guest::render("unreachable").component();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..3 {
                    let cache = Cache::open(directory.path()).expect("a cache");
                    let package = load_by(compiler().with_cache(cache), Limits::default(), &component);
                    assert_eq!(package.expect("a package").schema().expect("a schema"), "text");
                    for file in fs::read_dir(directory.path()).expect("a directory").flatten() {
                        // Another thread may have replaced it.
                        let _ = fs::write(file.path(), "damaged");
                    }
                }
            });
        }
    });
}

#[test]
fn native_code_is_refused() {
    let image = rutter_host::precompile(&Guest::render("unreachable").component()).expect("an image");
    assert!(matches!(refused(&image), HostError::Precompiled));
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("guest.cwasm");
    fs::write(&path, image).expect("a file");
    let error = Host::new(Limits::default())
        .expect("a host")
        .load(path)
        .expect_err("it must be refused");
    assert!(matches!(error, HostError::Precompiled), "{error:?}");
    assert!(error.to_string().contains("`.wasm`"), "{error}");
}

/// An image that stays, `shift` bytes behind the start of a page.
fn static_image(shift: usize) -> &'static [u8] {
    const PAGE: usize = 4096;
    let image = rutter_host::precompile(&Guest::render("unreachable").component()).expect("an image");
    let pages: &'static mut [u8] = vec![0; image.len() + 2 * PAGE].leak();
    let start = pages.as_ptr().align_offset(PAGE) + shift;
    let place = &mut pages[start..start + image.len()];
    place.copy_from_slice(&image);
    place
}

#[test]
#[allow(unsafe_code, reason = "the function is unsafe")]
fn what_was_precompiled_runs() {
    // In place, and as a copy.
    for shift in [0, 1] {
        let image = static_image(shift);
        let load = || {
            let host = Host::new(Limits::default()).expect("a host");
            // SAFETY: The image was made a moment ago.
            unsafe { host.load_precompiled(image) }.expect("a package")
        };
        let (package, other) = (load(), load());
        assert_eq!(package.schema().expect("a schema"), "text");
        drop(package);
        assert_eq!(
            other.schema().expect("a schema"),
            "text",
            "the image outlives its first user"
        );
    }
}

#[test]
fn packages_come_and_go_in_parallel() {
    let component = Guest::render("unreachable").component();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..8 {
                    let host = Host::new(Limits::default()).expect("a host");
                    let package = host.load_bytes(&component).expect("a package");
                    assert_eq!(package.schema().expect("a schema"), "text");
                }
            });
        }
    });
}

#[test]
#[allow(unsafe_code, reason = "the function is unsafe")]
fn what_is_no_image_is_noticed() {
    let host = Host::new(Limits::default()).expect("a host");
    // SAFETY: This is no native code at all.
    let error = unsafe { host.load_precompiled(b"no image") }.expect_err("it must be refused");
    assert!(matches!(error, HostError::Incompatible(_)), "{error:?}");
}

#[test]
fn an_unreadable_file_is_named() {
    let error = Host::new(Limits::default())
        .expect("a host")
        .load("no-such.wasm")
        .expect_err("there is none");
    assert_eq!(error.to_string(), "cannot read no-such.wasm");
    assert!(error.source().is_some());
}

#[test]
fn limits_read_well() {
    for (error, text) in [
        (
            HostError::MemoryLimit(256 << 20),
            "the package needs more memory than its 256 MiB",
        ),
        (
            HostError::InputLimit(64 << 10),
            "the package is given no more than 64 KiB",
        ),
        (
            HostError::ComponentLimit(64 << 20),
            "the component is larger than 64 MiB",
        ),
        (
            HostError::OutputLimit(1500),
            "the package's answer is larger than 1500 bytes",
        ),
        (
            HostError::TimeLimit(Duration::from_secs(10)),
            "the package did not answer within 10s",
        ),
        (
            HostError::CompileTimeLimit(Duration::from_secs(60)),
            "the component did not compile within 60s",
        ),
        (
            HostError::CompileMemoryLimit(1 << 30),
            "the component needs more than 1 GiB to compile",
        ),
    ] {
        assert_eq!(error.to_string(), text);
    }
}
