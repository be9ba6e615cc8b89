//! Packages written by hand, most of them hostile: a core module in text inside a component in text.
//!
//! The component is written out and not made by `wit-component`, whose dependencies would have wasmtime built once more
//! with other features for the tests.

/// Where the data of an answer lies in a guest's memory.
const DATA: u32 = 1024;

/// The contract as an instance of the functions of the core instance `$core`.
const RENDERER: &str = include_str!("renderer.wat");

/// A guest, by what differs between guests.
pub(crate) struct Guest {
    /// What its component imports and lowers, with the core instance `$memory` at hand. In text.
    pub(crate) imports: &'static str,
    /// The core functions that this gives, as the arguments of the instance `host` for its core module.
    pub(crate) host: &'static str,
    /// How the core module imports them.
    pub(crate) core_imports: &'static str,
    /// The body of its `render`, with the local 0 for the request and the result left on the stack.
    pub(crate) render: String,
    /// The body of its `plan`, of the same shape.
    pub(crate) plan: String,
    /// What it has in its memory.
    pub(crate) memory: Memory,
    /// The size of its memory in pages of 64 KiB.
    pub(crate) pages: u32,
}

impl Guest {
    /// A guest whose `render` runs `body` and is otherwise harmless.
    pub(crate) fn render(body: impl Into<String>) -> Self {
        Self {
            imports: "",
            host: "",
            core_imports: "",
            render: body.into(),
            plan: "unreachable".to_owned(),
            memory: Memory::default(),
            pages: 2,
        }
    }

    /// A guest whose `render` gives this answer.
    pub(crate) fn answer(answer: impl FnOnce(&mut Memory) -> u32) -> Self {
        let mut memory = Memory::default();
        let address = answer(&mut memory);
        Self {
            memory,
            ..Self::render(format!("i32.const {address}"))
        }
    }

    /// A guest whose `plan` gives this answer.
    pub(crate) fn plan(answer: impl FnOnce(&mut Memory) -> u32) -> Self {
        let mut memory = Memory::default();
        let address = answer(&mut memory);
        Self {
            plan: format!("i32.const {address}"),
            memory,
            ..Self::render("unreachable")
        }
    }

    pub(crate) fn component(mut self) -> Vec<u8> {
        let text = self.memory.string("text");
        let strings = self.memory.record(&[&text]);
        let describe = self.memory.record(&[&text, &text, &text, &text, &text, &[0, 0], &text]);
        let observes = self.memory.record(&[&[0, 0]]);
        let Self {
            imports,
            host,
            core_imports,
            render,
            plan,
            memory,
            pages,
        } = self;
        let data = memory.escaped();
        let component = format!(
            r#"(component
                (core module $memory-module (memory (export "memory") {pages}))
                (core instance $memory (instantiate $memory-module))
                (core module $libc-module
                    (global $free (mut i32) (i32.const 32768))
                    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
                        (global.get $free)
                        (global.set $free (i32.add (global.get $free) (local.get 3)))))
                (core instance $libc (instantiate $libc-module))
                {imports}
                (core instance $host {host})
                (core module $core-module
                    (import "memory" "memory" (memory {pages}))
                    {core_imports}
                    (global $free (mut i32) (i32.const 65536))
                    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
                        (global.set $free (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
                        (global.get $free)
                        (global.set $free (i32.add (global.get $free) (local.get 3))))
                    (func (export "describe") (result i32) i32.const {describe})
                    (func (export "text") (export "schema") (result i32) i32.const {strings})
                    (func (export "observes") (result i32) i32.const {observes})
                    (func $render (export "render") (param i32) (result i32) {render})
                    (func (export "plan") (param i32) (result i32) {plan})
                    (data (i32.const {DATA}) "{data}"))
                (core instance $core (instantiate $core-module
                    (with "memory" (instance $memory))
                    (with "host" (instance $host))))
                {RENDERER})"#
        );
        wat::parse_str(component).expect("a component")
    }
}

/// A guest's memory from [`DATA`] on, laid out as the canonical ABI wants it.
#[derive(Default)]
pub(crate) struct Memory(Vec<u8>);

impl Memory {
    fn next(&self) -> u32 {
        DATA + u32::try_from(self.0.len()).expect("a small memory")
    }

    /// Adds words and says where they are.
    pub(crate) fn record(&mut self, fields: &[&[u32]]) -> u32 {
        let at = self.next();
        self.0
            .extend(fields.iter().copied().flatten().flat_map(|word| word.to_le_bytes()));
        at
    }

    /// Adds a text and gives its address and length.
    pub(crate) fn string(&mut self, text: &str) -> [u32; 2] {
        let at = self.next();
        self.0.extend(text.bytes());
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        [at, u32::try_from(text.len()).expect("a short text")]
    }

    /// Adds a list of what is `N` words each and gives its address and length.
    pub(crate) fn list<const N: usize>(&mut self, items: &[[u32; N]]) -> [u32; 2] {
        let at = self.record(&items.iter().map(<[u32; N]>::as_slice).collect::<Vec<_>>());
        [at, u32::try_from(items.len()).expect("a short list")]
    }

    /// A manifest with this file name and document.
    pub(crate) fn manifest(&mut self, file_name: &str, document: &str) -> [u32; 13] {
        let [text, file_name, document] = ["text", file_name, document].map(|text| self.string(text));
        let mut words = [0; 13];
        for (field, at) in [(text, 0), (text, 2), (text, 4), (file_name, 9), (document, 11)] {
            words[at..at + 2].copy_from_slice(&field);
        }
        words
    }

    /// A diagnostic of this severity (0 an error, 1 a warning).
    pub(crate) fn diagnostic(&mut self, severity: u32) -> [u32; 13] {
        let [text, length] = self.string("text");
        [severity, text, length, text, length, 0, 0, 0, text, length, 0, 0, 0]
    }

    /// What `render` gives for these manifests and warnings.
    pub(crate) fn rendering(&mut self, manifests: &[[u32; 13]], warnings: &[[u32; 13]]) -> u32 {
        let (manifests, warnings) = (self.list(manifests), self.list(warnings));
        self.record(&[&[0], &manifests, &warnings, &[0, 0]])
    }

    /// What `render` gives when it refuses.
    pub(crate) fn refusal(&mut self, diagnostics: &[[u32; 13]]) -> u32 {
        let diagnostics = self.list(diagnostics);
        self.record(&[&[1], &diagnostics])
    }

    /// What `plan` gives for steps of these names, each with one command of this line.
    pub(crate) fn steps(&mut self, names: &[&str], line: &str, value: &str) -> u32 {
        let ([text, length], line) = (self.string("text"), self.string(line));
        let command = [text, length, line[0], line[1], 0, 0, 0, 0, 0];
        let commands = self.list(&[command]);
        let steps: Vec<[u32; 14]> = names
            .iter()
            .map(|name| {
                let name = self.string(name);
                [
                    name[0],
                    name[1],
                    text,
                    length,
                    text,
                    length,
                    0,
                    0,
                    0,
                    0,
                    0,
                    0,
                    commands[0],
                    commands[1],
                ]
            })
            .collect();
        let [steps, count] = self.list(&steps);
        let plan = [text, length, text, length, text, length, text, length, 0, 0];
        let value = self.string(value);
        let difference = [text, length, text, length, value[0], value[1], text, length];
        let differences = self.list(&[difference]);
        self.record(&[&[0], &plan, &[2, steps, count], &[0; 12], &differences, &[0, 0]])
    }

    fn escaped(&self) -> String {
        self.0.iter().map(|byte| format!("\\{byte:02x}")).collect()
    }
}
