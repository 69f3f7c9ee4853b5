//! Deserializes whole numbers as clients write them: `10`, `10.0` or `"10"`; an empty text is as if
//! it were not there.

use serde::de::{Deserializer, Error, Unexpected, Visitor};
use std::fmt;
use std::marker::PhantomData;

/// A whole number, or `None` for null and an empty text.
pub fn whole_number<'de, D: Deserializer<'de>, T: TryFrom<u64>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    deserializer.deserialize_any(WholeNumber(PhantomData))
}

struct WholeNumber<T>(PhantomData<T>);

impl<T: TryFrom<u64>> Visitor<'_> for WholeNumber<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number that is not negative")
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        let fits = T::try_from(value).map(Some);
        fits.map_err(|_| E::invalid_value(Unexpected::Unsigned(value), &"a smaller number"))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        match u64::try_from(value) {
            Ok(value) => self.visit_u64(value),
            Err(_) => Err(E::invalid_value(Unexpected::Signed(value), &self)),
        }
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        // Up to 2⁵³ every whole number has an exact `f64`.
        if value.fract() == 0.0 && (0.0..9e15).contains(&value) {
            return self.visit_u64(value as u64);
        }
        Err(E::invalid_value(Unexpected::Float(value), &self))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(None);
        }
        if let Ok(value) = text.parse() {
            return self.visit_u64(value);
        }
        match text.parse() {
            Ok(value) => self.visit_f64(value),
            Err(_) => Err(E::invalid_value(Unexpected::Str(text), &self)),
        }
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Body {
        #[serde(default, deserialize_with = "super::whole_number")]
        k: Option<u32>,
    }

    #[test]
    fn whole_numbers_are_read_in_every_notation() {
        let k = |json: &str| {
            serde_json::from_str::<Body>(json)
                .map(|body| body.k)
                .map_err(|error| error.to_string())
        };
        assert_eq!(k("{}"), Ok(None));
        assert_eq!(k(r#"{"k": null}"#), Ok(None));
        assert_eq!(k(r#"{"k": 10}"#), Ok(Some(10)));
        assert_eq!(k(r#"{"k": 10.0}"#), Ok(Some(10)));
        assert_eq!(k(r#"{"k": "10"}"#), Ok(Some(10)));
        assert_eq!(k(r#"{"k": "10.0"}"#), Ok(Some(10)));
        assert_eq!(k(r#"{"k": ""}"#), Ok(None));
        for wrong in [
            r#"{"k": 1.5}"#,
            r#"{"k": "1.5"}"#,
            r#"{"k": "inf"}"#,
            r#"{"k": -1}"#,
            r#"{"k": 5000000000}"#,
            r#"{"k": true}"#,
            r#"{"k": "x"}"#,
        ] {
            assert!(k(wrong).is_err(), "{wrong}");
        }
        let url: Result<axum::extract::Query<Body>, _> =
            axum::extract::Query::try_from_uri(&"/?k=7".parse().unwrap());
        assert_eq!(url.unwrap().k, Some(7));
    }
}
