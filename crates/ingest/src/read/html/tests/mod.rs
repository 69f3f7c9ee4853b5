mod files;
mod main_text;
mod malformed;
mod metadata;
mod words;

use super::extract;

fn text(html: &str) -> String {
    extract(html).text
}

fn title(html: &str) -> String {
    extract(html).title
}

/// Enough running text to make an article of a page.
fn prose() -> String {
    "<p>Peat forms where plants die faster than they rot, so a bog grows by about a millimetre in a year, and a layer \
     of two metres is older than any building in the village beside it.</p>"
        .repeat(8)
}
