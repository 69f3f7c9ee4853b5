//! Subtitles (SubRip `.srt`, WebVTT `.vtt`): the spoken text without cue numbers and times. A long
//! silence ends a paragraph.

use crate::{Context, Document, Emit, ReadError, emit_document};

/// A pause between cues longer than this ends a paragraph, in milliseconds.
const PARAGRAPH_SILENCE_MS: u64 = 4000;

pub fn read_srt(bytes: &[u8], context: &Context<'_>, emit: &mut Emit<'_>) -> Result<(), ReadError> {
    read(bytes, "HH:MM:SS,mmm --> HH:MM:SS,mmm", context, emit)
}

pub fn read_vtt(bytes: &[u8], context: &Context<'_>, emit: &mut Emit<'_>) -> Result<(), ReadError> {
    read(bytes, "MM:SS.mmm --> MM:SS.mmm", context, emit)
}

fn read(
    bytes: &[u8],
    time: &str,
    context: &Context<'_>,
    emit: &mut Emit<'_>,
) -> Result<(), ReadError> {
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let (mut spoken, mut last, mut until) = (String::new(), String::new(), 0_u64);
    let mut at = 0;
    let mut cues = 0_usize;
    while let Some(line) = lines.get(at) {
        at += 1;
        // Text without a time line before it is a cue number or name, a note or a style.
        let Some((from, to)) = times(line) else {
            continue;
        };
        cues += 1;
        if from > until.saturating_add(PARAGRAPH_SILENCE_MS)
            && !spoken.is_empty()
            && !spoken.ends_with("\n\n")
        {
            spoken.push_str("\n\n");
        }
        until = to;
        while let Some(line) = lines
            .get(at)
            .filter(|line| !line.is_empty() && times(line).is_none())
        {
            at += 1;
            // The next cue may follow without a blank line: then this is its number.
            if line.bytes().all(|b| b.is_ascii_digit())
                && lines.get(at).is_some_and(|next| times(next).is_some())
            {
                break;
            }
            let line = plain(line);
            // Roll-up captions show each line twice.
            if line.is_empty() || line == last {
                continue;
            }
            if !spoken.is_empty() && !spoken.ends_with('\n') {
                spoken.push(' ');
            }
            spoken.push_str(&line);
            last = line;
        }
    }
    if cues == 0 {
        return Err(ReadError::new(format!(
            "expected subtitles, with times like {time}; there are none"
        )));
    }
    let _ = emit_document(
        Document {
            text: spoken.trim_end().to_owned(),
            ..Document::default()
        },
        context,
        emit,
    );
    Ok(())
}

/// The start and the end of a cue, in milliseconds.
fn times(line: &str) -> Option<(u64, u64)> {
    let (from, to) = line.split_once("-->")?;
    Some((time(from.trim())?, time(to.split_whitespace().next()?)?))
}

fn time(text: &str) -> Option<u64> {
    let (clock, fraction) = text.split_once([',', '.'])?;
    let mut seconds = 0_u64;
    for part in clock.split(':') {
        seconds = seconds
            .checked_mul(60)?
            .checked_add(part.trim().parse().ok()?)?;
    }
    seconds
        .checked_mul(1000)?
        .checked_add(fraction.trim().parse().ok()?)
}

/// A line without tags (`<i>`, `<v Anna>`, `{\an8}`), with entities resolved.
fn plain(line: &str) -> String {
    let (mut plain, mut rest) = (String::new(), line);
    while let Some(start) = rest.find(['<', '{']) {
        let (before, from) = rest.split_at(start);
        plain.push_str(before);
        let inside = from.get(1..).unwrap_or_default();
        let tag = match from.starts_with('<') {
            true => inside.split_once('>').filter(|(tag, _)| {
                tag.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/')
            }),
            false => inside
                .split_once('}')
                .filter(|(tag, _)| tag.starts_with('\\')),
        };
        rest = match tag {
            Some((_, after)) => after,
            None => {
                plain.push_str(from.get(..1).unwrap_or_default());
                inside
            }
        };
    }
    plain.push_str(rest);
    let plain = plain
        .replace("&nbsp;", " ")
        .replace("&lrm;", "")
        .replace("&rlm;", "")
        .replace("&lt;", "<");
    crate::text::one_line(&plain.replace("&gt;", ">").replace("&amp;", "&"))
}

#[cfg(test)]
mod tests {
    use crate::Kind;
    use crate::testing::{read_bytes, read_single};

    #[test]
    fn cues_are_joined_into_flowing_text() {
        let srt = "\u{feff}1\r\n00:00:01,000 --> 00:00:03,000\r\n<i>Honey keeps</i>\r\nfor {\\an8}years,\r\n\r\n2\r\n00:00:03,500 --> 00:00:05,000\r\nif 1 < 2.\r\n\r\n\
            3\r\n00:01:00,000 --> 00:01:02,000\r\n<font color=\"red\">Later.</font>\r\n4\n00:01:03,000 --> 00:01:04,000\n1984\n";
        assert_eq!(
            read_single(Kind::Srt, srt.as_bytes()).text,
            "Honey keeps for years, if 1 < 2.\n\nLater. 1984"
        );
        let vtt = "WEBVTT Title\n\nNOTE a comment\nof two lines\n\nSTYLE\n::cue { color: red }\n\nintro\n00:01.000 --> 00:02.000 align:start\n<v.loud Anna>Hello <c.x>there</c></v>\n\n\
            00:02.000 --> 00:03.000\nHello there\nR&amp;D\n";
        assert_eq!(
            read_single(Kind::Vtt, vtt.as_bytes()).text,
            "Hello there R&D"
        );
        assert!(read_bytes(Kind::Srt, b"nothing").1[0].contains("expected subtitles"));
    }
}
