//! Errors of deserialization in the words of whoever sent the data: no names of Rust's types.

/// Rust's names of what was expected, and what to call it.
const NAMES: [(&[&str], &str); 5] = [
    (
        &[
            "u8",
            "u16",
            "u32",
            "u64",
            "u128",
            "usize",
            "i8",
            "i16",
            "i32",
            "i64",
            "isize",
            "NonZeroU32",
        ],
        "a whole number",
    ),
    (&["f32", "f64"], "a number"),
    (&["a sequence", "sequence", "a tuple"], "a list"),
    (&["a map", "map"], "an object"),
    (
        &["string or map", "a borrowed string", "string"],
        "a string",
    ),
];

/// A message of serde without Rust's names for types.
pub fn in_plain_words(message: &str) -> String {
    let message = message
        .replace("invalid digit found in string", "expected a whole number")
        .replace(
            "cannot parse integer from empty string",
            "expected a whole number",
        )
        .replace(
            "number too large to fit in target type",
            "expected a smaller number",
        )
        .replace("invalid float literal", "expected a number")
        .replace(
            "provided string was not `true` or `false`",
            "expected true or false",
        )
        .replace("Failed to deserialize query string: ", "in the URL: ")
        .replace("unknown variant", "unknown value")
        .replace("unit variant", "a string")
        .replace("invalid type: sequence", "invalid type: a list")
        .replace("invalid type: map", "invalid type: an object")
        .replace("floating point `", "number `")
        .replace("integer `", "number `")
        .replace("unit value", "null");
    if let Some((before, _)) = message.split_once("data did not match any variant of untagged enum")
    {
        return format!("{before}it has the wrong type");
    }
    // Serde takes a list for the members of an object.
    if let Some((before, _)) = message.split_once("invalid length") {
        return format!("{before}invalid type: a list, expected an object");
    }
    let Some((found, rest)) = message.split_once("expected ") else {
        return message;
    };
    let (expected, place) = match rest.find(" at line ") {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let is_type = |expected: &str| {
        [
            "struct ",
            "enum ",
            "newtype ",
            "internally tagged",
            "adjacently tagged",
        ]
        .iter()
        .any(|kind| expected.starts_with(kind))
    };
    let named = NAMES
        .iter()
        .find(|(names, _)| names.contains(&expected))
        .map_or(expected, |(_, name)| name);
    let named = if is_type(named) { "an object" } else { named };
    format!("{found}expected {named}{place}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_rust_types_are_replaced() {
        for (message, words) in [
            (
                "invalid type: string \"5\", expected u32",
                "invalid type: string \"5\", expected a whole number",
            ),
            (
                "a: invalid type: map, expected a sequence at line 1 column 3",
                "a: invalid type: an object, expected a list at line 1 column 3",
            ),
            (
                "invalid type: integer `1`, expected struct NewArticle",
                "invalid type: number `1`, expected an object",
            ),
            (
                "input: data did not match any variant of untagged enum Input",
                "input: it has the wrong type",
            ),
            (
                "offset: invalid digit found in string",
                "offset: expected a whole number",
            ),
            (
                "unknown variant `best`, expected one of `hybrid`, `dense`",
                "unknown value `best`, expected one of `hybrid`, `dense`",
            ),
            (
                "invalid length 0, expected struct Question with 9 elements",
                "invalid type: a list, expected an object",
            ),
            ("missing field `q`", "missing field `q`"),
        ] {
            assert_eq!(in_plain_words(message), words);
        }
    }
}
