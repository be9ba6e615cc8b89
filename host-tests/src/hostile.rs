//! Malicious documents, and the expected result of each.

use std::collections::BTreeMap;

use etcd_package::codes::INVALID_REPLICAS;
use rutter::yaml::{
    AMBIGUOUS_SCALAR, DUPLICATE_KEY, INVALID_VALUE, MISSING_FIELD, UNKNOWN_FIELD, WRONG_TYPE, YAML_FEATURE, YAML_LIMIT,
    YAML_SYNTAX,
};

/// A document, and the code of the error that refuses it as values; none if it is accepted.
pub type Hostile = (Vec<u8>, Option<&'static str>);

/// The length of long documents. Without optimization a megabyte takes seconds.
const LONG: usize = if cfg!(debug_assertions) { 64 << 10 } else { 4 << 20 };

/// The number of parts of documents with many parts.
const MANY: usize = LONG / 40;

/// Returns documents of up to a few megabytes, by name.
#[must_use]
pub fn documents() -> BTreeMap<&'static str, Hostile> {
    let mut all = BTreeMap::new();
    let mut add = |name, code: Option<&'static rutter::Code>, bytes: Vec<u8>| {
        all.insert(name, (bytes, code.map(|code| code.id)));
    };
    let limit = Some(&YAML_LIMIT);
    let feature = Some(&YAML_FEATURE);
    let syntax = Some(&YAML_SYNTAX);
    let wrong = Some(&WRONG_TYPE);
    let unknown = Some(&UNKNOWN_FIELD);

    // Aliases.
    add(
        "aliases of aliases",
        limit,
        bomb(|level| format!("a{level}: &a{level} [{}]\n", aliases(level, ", "))),
    );
    add(
        "merged aliases",
        unknown,
        bomb(|level| format!("a{level}: &a{level} {{b{level}: 1, <<: [{}]}}\n", aliases(level, ", "))),
    );
    add(
        "many aliases of a long text",
        limit,
        format!("a: &a {}\nb: [{}]\n", "x".repeat(LONG), "*a, ".repeat(1000)).into(),
    );
    add(
        "many aliases of a long key",
        limit,
        format!("? &a {}\n: [{}]\n", "k".repeat(1000), "*a, ".repeat(10_000)).into(),
    );
    add("an alias within its own node", feature, b"a: &a [*a]\n".into());
    add("an alias of nothing", syntax, b"a: *a\n".into());
    add(
        "many anchors",
        unknown,
        repeated("a", MANY / 4, |number| format!("&b{number} x")),
    );
    add("a merge of no mapping", feature, b"<<: 1\n".into());

    // Depth.
    add("deep lists in brackets", syntax, "[".repeat(LONG).into());
    add("deep mappings in braces", syntax, "{a: ".repeat(MANY).into());
    add("deep lists in a line", limit, "- ".repeat(MANY).into());
    add("deep explicit keys", feature, "? ".repeat(MANY).into());
    add(
        "deep by indentation",
        limit,
        (0..1000)
            .map(|depth| format!("{}a:\n", " ".repeat(depth)))
            .collect::<String>()
            .into(),
    );
    add(
        "as deep as is read",
        unknown,
        format!("a: {}{}", "[".repeat(62), "]".repeat(62)).into(),
    );

    // Length.
    add("a long key", syntax, format!("{}: 1", "k".repeat(LONG)).into());
    add(
        "a long explicit key",
        limit,
        format!("? {}\n: 1", "k".repeat(LONG)).into(),
    );
    add("a long text", wrong, format!("replicas: {}", "x".repeat(LONG)).into());
    add(
        "long digits",
        Some(&AMBIGUOUS_SCALAR),
        format!("replicas: {}", "9".repeat(LONG)).into(),
    );
    add(
        "a long unfinished text",
        syntax,
        format!("a: \"{}", "x".repeat(LONG)).into(),
    );
    add("a long comment", None, format!("# {}", "x".repeat(LONG)).into());
    add("a long line of blanks", None, " ".repeat(LONG).into());
    add("many empty lines", None, "\n".repeat(LONG).into());
    add("more than is read", limit, format!("a: {}", "x".repeat(8 << 20)).into());
    for (name, field) in [
        ("a long version", "version"),
        ("a long quantity", "quota"),
        ("a long duration", "heartbeatInterval"),
        ("a long domain", "clusterDomain"),
    ] {
        add(
            name,
            Some(&INVALID_VALUE),
            format!("{field}: '{}'", "1".repeat(LONG)).into(),
        );
    }

    // Number.
    add(
        "many unknown fields",
        unknown,
        repeated_entries(MANY, |number| format!("k{number}: 1")),
    );
    add(
        "many equal keys",
        Some(&DUPLICATE_KEY),
        repeated_entries(MANY, |_| "replicas: 1".to_owned()),
    );
    add(
        "many values of a wrong type",
        wrong,
        repeated("extraEnv", MANY, |_| "1".to_owned()),
    );
    add(
        "many more values than are read",
        limit,
        repeated("extraEnv", 300_000, |_| "1".to_owned()),
    );
    add("many documents of nothing", None, "---\n".repeat(MANY).into());
    add("many documents", feature, "---\na: 1\n".repeat(MANY).into());
    let object = "---\napiVersion: v1\nkind: A\nmetadata: {name: a}\n";
    add("many objects of one name", None, object.repeat(MANY).into());
    let list = |item: &str, count| format!("apiVersion: v1\nkind: List\nitems:\n{}", item.repeat(count)).into();
    add("many items without a kind", None, list("- metadata: {name: a}\n", MANY));
    add(
        "many misspelt items",
        Some(&MISSING_FIELD),
        // Not more than the limit on nodes.
        list("- {kind: EtcdCluster, metadata: {name: a}}\n", MANY / 4),
    );
    let level = "{apiVersion: v1, kind: List, items: [";
    add(
        "lists in lists",
        None,
        format!("{}{}", level.repeat(30), "]}".repeat(30)).into(),
    );
    add(
        "many words like a field of objects",
        wrong,
        "apiVersion".repeat(MANY).into(),
    );
    add("many directives", None, "%TAG !a! tag:a,2000:\n".repeat(MANY).into());

    // Types.
    for (name, tag) in [
        ("a tag of Python", "!!python/object/apply:os.system [x]"),
        ("a tag of bytes", "!!binary eA=="),
        ("a tag of nobody", "!<tag:example.com,2000:x> y"),
        ("a set", "!!set {x}"),
        ("a timestamp by tag", "!!timestamp 2026-01-01"),
    ] {
        add(name, feature, format!("a: {tag}\n").into());
    }
    for (name, number) in [
        ("a number beyond floats", "1e999"),
        ("a number beyond integers", "99999999999999999999"),
        ("a number in another base", "0x10"),
        ("a number with underscores", "1_000"),
        ("an infinite number", ".inf"),
        ("no number", ".nan"),
    ] {
        let code = match number {
            "1e999" | "0x10" | "1_000" | ".inf" | ".nan" => &AMBIGUOUS_SCALAR,
            _ => &WRONG_TYPE,
        };
        add(name, Some(code), format!("replicas: {number}\n").into());
    }
    add("a negative number", Some(&INVALID_REPLICAS), b"replicas: -1\n".into());
    for (name, key) in [
        ("a number as key", "1"),
        ("null as key", "null"),
        ("an ambiguous key", "on"),
    ] {
        let code = if key == "1" { None } else { Some(&AMBIGUOUS_SCALAR) };
        add(name, code, format!("commonLabels: {{{key}: x}}\n").into());
    }
    add("a list as key", feature, b"[a]: 1\n".into());
    add("a mapping as key", feature, b"{a: 1}: 1\n".into());
    add("a list as document", wrong, b"- 1\n".into());
    add("a text as document", wrong, b"x\n".into());

    // Bytes.
    add("a NUL", syntax, b"a: \0\n".into());
    add("NULs", syntax, vec![0; LONG]);
    add("a control character", syntax, b"a: \x07\n".into());
    add("no UTF-8", syntax, b"a: \xff\xfe\n".into());
    add("half a character", syntax, "a: é".as_bytes()[..4].into());
    add("a surrogate", syntax, b"a: \xed\xa0\x80\n".into());
    add("UTF-16", syntax, b"\xff\xfea\0:\0 \x001\0\n\0".into());
    add("tabs for indentation", syntax, b"a:\n\tb: 1\n".into());
    add("carriage returns", None, b"replicas: 3\rquota: 4Gi\r".into());
    all
}

/// Texts that are hostile only by their size, when they are repeated.
pub const LARGE: [(&str, &str); 14] = [
    ("blanks", " "),
    ("empty lines", "\n"),
    ("letters", "x"),
    ("NULs", "\0"),
    ("brackets", "["),
    ("braces", "{a: "),
    ("dashes", "- "),
    ("quotes", "\""),
    ("entries", "a: b\n"),
    ("anchors", "- &a x\n"),
    ("comments", "# comment\n"),
    ("empty documents", "---\n"),
    ("documents of others", "---\napiVersion: v1\nkind: A\n"),
    ("characters of four bytes", "\u{10000}"),
];

/// Returns copies of a text, each with one bit of one byte changed.
pub fn corrupted(text: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (0..text.len()).map(|at| {
        let mut text = text.to_vec();
        text[at] ^= 1 << (at % 8);
        text
    })
}

/// Returns the prefixes of a text.
pub fn truncated(text: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (0..text.len()).map(|end| text[..end].to_vec())
}

/// Repeats `text` up to a length in bytes.
#[must_use]
pub fn large(text: &str, bytes: usize) -> Vec<u8> {
    text.bytes().cycle().take(bytes).collect()
}

fn bomb(line: impl Fn(usize) -> String) -> Vec<u8> {
    let first = "a0: &a0 {b0: 1}\n".to_owned();
    [first].into_iter().chain((1..20).map(line)).collect::<String>().into()
}

fn aliases(level: usize, separator: &str) -> String {
    vec![format!("*a{}", level - 1); 10].join(separator)
}

fn repeated(key: &str, count: usize, item: impl Fn(usize) -> String) -> Vec<u8> {
    let items: Vec<String> = (0..count).map(item).collect();
    format!("{key}: [{}]\n", items.join(", ")).into()
}

fn repeated_entries(count: usize, entry: impl Fn(usize) -> String) -> Vec<u8> {
    (0..count).map(|number| entry(number) + "\n").collect::<String>().into()
}
