//! TREC run files: `query Q0 document rank score name`, one result a line.

use std::io::{self, Write};

/// Writes one question's ranking.
///
/// White space in ids would break the columns; it is written as `_`.
///
/// # Errors
/// When `out` refuses.
pub fn write_ranking(out: &mut dyn Write, query: &str, ranking: &[(String, f32)], name: &str) -> io::Result<()> {
    for (rank, (document, score)) in (1..).zip(ranking) {
        writeln!(out, "{} Q0 {} {rank} {score} {}", column(query), column(document), column(name))?;
    }
    Ok(())
}

fn column(id: &str) -> String {
    id.chars().map(|c| if c.is_whitespace() { '_' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_columns_whatever_the_ids() {
        let mut out = Vec::new();
        write_ranking(&mut out, "q 1", &[("a b".into(), 0.5), ("c".into(), 0.25)], "nigh").unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "q_1 Q0 a_b 1 0.5 nigh\nq_1 Q0 c 2 0.25 nigh\n");
    }
}
