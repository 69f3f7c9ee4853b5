//! Charts of evaluation results. Each function turns plain numbers into a [`Plot`], which holds the
//! chart as SVG (transparent, themable by CSS, safe to inline into HTML) and as PNG (white
//! background, twice the size).
//!
//! To inline the SVGs, put [`THEME_CSS`] into the page's style sheet once, and define `--ink` and
//! `--faint` for each theme.

mod canvas;
mod differences;
mod metrics;
mod misses;
mod paraphrases;
mod recall;

pub use differences::differences;
pub use metrics::metrics;
pub use misses::misses;
pub use paraphrases::paraphrases;
pub use recall::recall;

/// The style rules that inlined SVGs need. They scale each chart to its column, use the page's
/// font, and replace the colors of text, axes and grid with the page's `--ink` and `--faint`. Data
/// colors stay.
pub const THEME_CSS: &str = "\
svg.plot{display:block;width:100%;height:auto;font-family:inherit}
svg.plot text{fill:var(--ink)}
svg.plot [stroke=\"#333333\"]{stroke:var(--ink)}
svg.plot [stroke=\"#d5d5d5\"]{stroke:var(--faint)}
";

/// A rendered chart.
#[derive(Debug, Clone)]
pub struct Plot {
    /// The chart's file stem, such as `recall`.
    pub name: &'static str,
    /// The chart as an `<svg class="plot">` element without ids, scripts or background.
    pub svg: String,
    /// The chart as a PNG file on white, at twice the SVG's size.
    pub png: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use super::canvas::{FAINT, INK, PALETTE};
    use super::*;

    const NASTY: &str = "a<b> & \"c\" 'd' $x$ é";

    fn all(name: &str) -> Vec<Plot> {
        let name = name.to_owned();
        let deltas: Vec<f64> = (0..1000).map(|i| f64::from(i % 7) * 0.1 - 0.3).collect();
        vec![
            metrics(&[(
                name.clone(),
                vec![
                    (name.clone(), 0.5, [0.4, 0.6]),
                    ("MRR".into(), 0.0, [0.0, 0.1]),
                ],
            )])
            .unwrap(),
            misses(&[(
                name.clone(),
                vec![("words".into(), 3), (name.clone(), 2), ("graph".into(), 0)],
            )])
            .unwrap(),
            recall(&[(
                name.clone(),
                vec![(0.9, 900.0, name.clone()), (1.0, 200.0, "ef 40".into())],
            )])
            .unwrap(),
            differences(&name, &name, &name, &deltas).unwrap(),
            paraphrases(
                &[(name.clone(), 0.1, 0.3, 0.9), ("b".into(), 0.2, 0.2, 0.2)],
                &name,
            )
            .unwrap(),
        ]
    }

    #[test]
    fn plots_are_complete_svg_and_png() {
        for plot in all("bm25") {
            assert!(
                plot.svg.starts_with("<svg ") && plot.svg.trim_end().ends_with("</svg>"),
                "{}",
                plot.name
            );
            assert!(
                plot.svg.contains("viewBox=\"0 0 600 ") && plot.svg.contains("role=\"img\""),
                "{}",
                plot.name
            );
            assert!(plot.svg.contains("<title>"), "{}", plot.name);
            assert!(plot.png.starts_with(b"\x89PNG\r\n\x1a\n"), "{}", plot.name);
        }
    }

    #[test]
    fn names_are_escaped() {
        for plot in all(NASTY) {
            assert!(
                !plot.svg.contains("a<b>") && !plot.svg.contains("> & "),
                "{}",
                plot.name
            );
            assert!(plot.svg.contains("a&lt;b&gt; &amp;"), "{}", plot.name);
            assert!(
                plot.svg.contains("$x$") && !plot.svg.contains("\\$"),
                "{}",
                plot.name
            );
            assert_eq!(
                plot.svg.matches('<').count(),
                plot.svg.matches('>').count(),
                "{}",
                plot.name
            );
        }
    }

    #[test]
    fn svgs_have_nothing_that_affects_the_page() {
        for plot in all("bm25") {
            for word in [
                " id=", "url(", "<style", "<script", "<defs", "white", "#ffffff", "100%",
            ] {
                assert!(!plot.svg.contains(word), "{} has {word}", plot.name);
            }
        }
    }

    #[test]
    fn only_palette_and_theme_colors_occur() {
        for plot in all("bm25") {
            for part in ["fill=\"", "stroke=\""]
                .iter()
                .flat_map(|key| plot.svg.split(*key).skip(1))
            {
                let value = part.split('"').next().unwrap();
                let known =
                    value == "none" || value == INK || value == FAINT || PALETTE.contains(&value);
                assert!(known, "{}: {value}", plot.name);
            }
            // Only strokes and text follow the theme, so no shape may be filled with ink.
            assert_eq!(
                plot.svg.matches("fill=\"#333333\"").count(),
                1,
                "{}",
                plot.name
            );
        }
        assert!(THEME_CSS.contains(INK) && THEME_CSS.contains(FAINT));
    }

    #[test]
    fn errors_name_the_plot() {
        let error = misses(&[]).unwrap_err().to_string();
        assert_eq!(
            error,
            "the plot \"losses\" could not be drawn: there are no systems"
        );
    }
}
