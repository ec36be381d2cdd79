//! Rows cut into blocks by what they say, so that two backups share the blocks in which nothing changed.

/// About how long a block is, and how long it is at most but for its last line, in bytes.
const MEAN_BYTES: u64 = 256 << 10;
const MAX_BYTES: usize = 1 << 20;

/// Lines on their way into blocks.
#[derive(Default)]
pub(super) struct Blocks {
    lines: Vec<u8>,
    /// Bytes of them that were looked at without finding the end of a block.
    seen: usize,
}

impl Blocks {
    /// Adds whole lines.
    pub fn push(&mut self, lines: &[u8]) {
        self.lines.extend_from_slice(lines);
    }

    /// The next block that is whole; at the end of a table, what is left.
    pub fn next(&mut self, is_end: bool) -> Option<Vec<u8>> {
        while let Some(line) = self
            .lines
            .get(self.seen..)
            .and_then(|rest| rest.split_inclusive(|byte| *byte == b'\n').next())
        {
            let ends = is_last(line) || self.seen + line.len() >= MAX_BYTES;
            self.seen += line.len();
            if ends {
                return Some(self.cut());
            }
        }
        (is_end && !self.lines.is_empty()).then(|| self.cut())
    }

    fn cut(&mut self) -> Vec<u8> {
        let rest = self.lines.split_off(self.seen);
        self.seen = 0;
        std::mem::replace(&mut self.lines, rest)
    }
}

/// Whether a line ends a block: long ones are likelier to, so that blocks are alike in bytes.
fn is_last(line: &[u8]) -> bool {
    let one_in = (MEAN_BYTES / line.len().max(1) as u64).max(1);
    u64::from(crc32fast::hash(line)).is_multiple_of(one_in)
}

/// The name of a block: what is in it.
pub(super) fn name(table: &str, sha256: &str) -> String {
    format!("data/{table}/{sha256}.jsonl")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(lines: &[String]) -> Vec<Vec<u8>> {
        let mut blocks = Blocks::default();
        let mut found = Vec::new();
        for line in lines {
            blocks.push(line.as_bytes());
            found.extend(std::iter::from_fn(|| blocks.next(false)));
        }
        found.extend(std::iter::from_fn(|| blocks.next(true)));
        found
    }

    #[test]
    fn a_changed_line_changes_the_blocks_around_it_alone() {
        let mut lines: Vec<String> = (0..20_000)
            .map(|n| format!("{{\"n\":{n},\"text\":\"{}\"}}\n", "x".repeat(n % 300)))
            .collect();
        let before = blocks(&lines);
        assert_eq!(before.concat(), lines.concat().into_bytes());
        assert!(before.len() > 8, "{}", before.len());
        lines[9_000] = "{\"n\":9000,\"text\":\"another\"}\n".to_owned();
        lines.push("{\"n\":20000}\n".to_owned());
        let after = blocks(&lines);
        let new = after.iter().filter(|block| !before.contains(block)).count();
        assert!((1..=4).contains(&new), "{new} of {}", after.len());
    }
}
