//! A stream that is taken apart while it comes in, for those that are too long to be held whole.

use std::io::{self, BufRead, Read as _};

use super::{Chunk, Cutter, Document, MAX_BYTES, decode, is_object, parse};
use crate::yaml::YAML_LIMIT;
use crate::{Description, Diagnostic, Position};

/// One document of a stream, its separator included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    text: String,
    first_line: u32,
}

impl Piece {
    /// This document and the one that comes after it, as one.
    pub fn extend(&mut self, next: &Self) {
        self.text.push_str(&next.text);
    }

    /// Its bytes.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The line of the stream on which it starts, from 1.
    #[must_use]
    pub fn first_line(&self) -> u32 {
        self.first_line
    }

    /// Whether it is nothing but separators and comments.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.chunk().is_blank()
    }

    /// Whether it is a Kubernetes object.
    #[must_use]
    pub fn is_object(&self) -> bool {
        self.chunk().looks_like_object() || parse(&self.chunk()).is_ok_and(|node| is_object(&node))
    }

    /// Finds out whose it is. `namespace` is where objects that name none belong.
    #[must_use]
    pub fn read(&self, package: &Description, namespace: &str) -> Document<'_> {
        Document::read(&self.chunk(), package, namespace)
    }

    fn chunk(&self) -> Chunk<'_> {
        Chunk {
            text: &self.text,
            first_line: self.first_line,
        }
    }
}

/// Why there is no document.
#[derive(Debug)]
pub enum Broken {
    /// What the stream comes from failed. This ends it.
    Reader(io::Error),
    /// The document, as much of it as can be shown, is no text; or it has more than [`MAX_BYTES`], which ends the stream.
    Refused(Piece, Box<Diagnostic>),
}

/// The documents of a stream as they come in. No more than one of them is held at a time.
#[derive(Debug)]
pub struct Pieces<R> {
    reader: R,
    cutter: Cutter,
    /// The document that is being read.
    bytes: Vec<u8>,
    is_over: bool,
}

impl<R: BufRead> Pieces<R> {
    /// The documents of what `reader` gives.
    pub fn new(reader: R) -> Self {
        Self {
            reader,
            cutter: Cutter::default(),
            bytes: Vec::new(),
            is_over: false,
        }
    }

    /// The next document, or nothing at the end.
    fn next_piece(&mut self) -> Result<Option<Piece>, Broken> {
        // One byte more than is accepted is enough to be refused.
        let most = MAX_BYTES + 1;
        loop {
            let start = self.bytes.len();
            let room = u64::try_from(most.saturating_sub(start)).unwrap_or(u64::MAX);
            let mut reader = self.reader.by_ref().take(room);
            let read = reader.read_until(b'\n', &mut self.bytes).map_err(Broken::Reader)?;
            if self.bytes.len() == most {
                let message = format!("a document is larger than the {} MiB accepted", MAX_BYTES >> 20);
                let position = Position {
                    line: self.cutter.first_line,
                    column: 1,
                };
                let problem = Diagnostic::new(&YAML_LIMIT, "", message).at(Some(position));
                let start = Piece {
                    text: String::new(),
                    first_line: self.cutter.first_line,
                };
                self.bytes = Vec::new();
                self.is_over = true;
                return Err(Broken::Refused(start, Box::new(problem)));
            }
            if read == 0 {
                self.is_over = true;
                let first_line = self.cutter.first_line;
                let last = std::mem::take(&mut self.bytes);
                return (!last.is_empty()).then(|| piece(last, first_line)).transpose();
            }
            let first_line = self.cutter.first_line;
            if self.cutter.begins(&self.bytes[start..]) {
                let next = self.bytes.split_off(start);
                return piece(std::mem::replace(&mut self.bytes, next), first_line).map(Some);
            }
        }
    }
}

fn piece(bytes: Vec<u8>, first_line: u32) -> Result<Piece, Broken> {
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Piece { text, first_line }),
        Err(error) => {
            let problem = decode(error.as_bytes()).err().map(|mut problem| {
                if let Some(position) = &mut problem.position {
                    position.line = position.line.saturating_add(first_line - 1);
                }
                problem
            });
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            Err(match problem {
                Some(problem) => Broken::Refused(Piece { text, first_line }, Box::new(problem)),
                None => Broken::Reader(io::ErrorKind::InvalidData.into()),
            })
        }
    }
}

impl<R: BufRead> Iterator for Pieces<R> {
    type Item = Result<Piece, Broken>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let next = self.next_piece();
        self.is_over |= matches!(next, Err(Broken::Reader(_)));
        next.transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::super::split;
    use super::*;

    #[test]
    fn pieces_are_those_of_the_whole_text() {
        for text in [
            "",
            "a: 1",
            "a: 1\n---\nb: 2\n",
            "---\n---\n---",
            "%YAML 1.2\n# b\n---\na\n--- b\n---c\n---\r\nd\n",
            "# a\n---\n\n%TAG\n---\n",
            "\u{feff}---\na\n---\tb",
        ] {
            let whole: Vec<_> = split(text)
                .unwrap()
                .iter()
                .map(|chunk| (chunk.text.to_owned(), chunk.first_line))
                .collect();
            let pieces: Vec<_> = Pieces::new(text.as_bytes())
                .map(|piece| piece.unwrap())
                .map(|piece| (piece.text, piece.first_line))
                .collect();
            assert_eq!(pieces, whole, "{text:?}");
        }
    }

    #[test]
    fn what_is_no_text_is_told_with_its_line() {
        let mut pieces = Pieces::new(&b"a: 1\n---\nb: 2\n---\nc\nd: \xff\n---\ne: 1"[..]);
        assert!(pieces.next().is_some_and(|piece| piece.is_ok()));
        assert!(pieces.next().is_some_and(|piece| piece.is_ok()));
        let Some(Err(Broken::Refused(piece, problem))) = pieces.next() else {
            panic!("it is read")
        };
        let position = problem.position.unwrap();
        assert_eq!((position.line, position.column), (6, 4));
        assert_eq!((piece.text(), piece.first_line()), ("---\nc\nd: \u{fffd}\n", 4));
        assert!(pieces.next().is_some_and(|piece| piece.is_ok()));
        assert!(pieces.next().is_none());
    }

    #[test]
    fn a_document_without_end_is_refused() {
        let endless = io::BufReader::new(io::repeat(b'a'));
        let mut pieces = Pieces::new(endless);
        let first = pieces.next();
        assert!(matches!(first, Some(Err(Broken::Refused(..)))), "{:?}", first.is_some());
        assert!(pieces.next().is_none());
    }
}
