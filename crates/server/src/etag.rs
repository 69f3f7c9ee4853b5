//! Whether a client's copy is current.

use axum::http::HeaderMap;
use axum::http::header::IF_NONE_MATCH;

/// Whether `If-None-Match` names this tag, in a list or as `*`. Weak tags count as strong ones, as
/// RFC 9110 says.
pub fn matches(headers: &HeaderMap, tag: &str) -> bool {
    let values = headers.get_all(IF_NONE_MATCH).iter();
    values.filter_map(|value| value.to_str().ok()).any(|list| {
        list.split(',').map(str::trim).any(|known| {
            let known = known.strip_prefix("W/").unwrap_or(known);
            known == "*" || known == tag
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn lists_weak_tags_and_any_tag_match() {
        for (value, expected) in [
            ("\"a\"", true),
            ("W/\"a\"", true),
            ("\"b\", W/\"a\"", true),
            ("\"b\",\"a\"", true),
            ("*", true),
            ("\"b\"", false),
            ("a", false),
            ("\"a", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(IF_NONE_MATCH, HeaderValue::from_static(value));
            assert_eq!(matches(&headers, "\"a\""), expected, "{value}");
        }
        let mut headers = HeaderMap::new();
        headers.append(IF_NONE_MATCH, HeaderValue::from_static("\"b\""));
        headers.append(IF_NONE_MATCH, HeaderValue::from_static("\"a\""));
        assert!(matches(&headers, "\"a\""));
    }
}
