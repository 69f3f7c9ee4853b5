//! Shows nothing by itself: the layout, legend, text and finish that all charts share.

use super::Plot;
use crate::{Error, Result};
use kuva::backend::raster::RasterBackend;
use kuva::backend::svg::SvgBackend;
use kuva::plot::legend::{LegendEntry, LegendPosition, LegendShape};
use kuva::plot::scatter::MarkerShape;
use kuva::render::color::Color;
use kuva::render::layout::{ComputedLayout, Layout};
use kuva::render::plots::Plot as Series;
use kuva::render::render::{Primitive, Scene, TextAnchor, render_multiple};
use kuva::render::theme::Theme;

/// Colour of text, axes and ticks; `THEME_CSS` finds strokes by it.
pub(super) const INK: &str = "#333333";

/// Colour of grid lines; `THEME_CSS` finds them by it.
pub(super) const FAINT: &str = "#d5d5d5";

/// Okabe and Ito's palette with grey in place of black, which would vanish on a dark page.
pub(super) const PALETTE: [&str; 8] =
    ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#999999", "#f0e442"];

/// Shapes tell the systems apart where colour alone does not.
const MARKERS: [MarkerShape; 6] = [
    MarkerShape::Circle,
    MarkerShape::Square,
    MarkerShape::Triangle,
    MarkerShape::Diamond,
    MarkerShape::TriangleDown,
    MarkerShape::Pentagon,
];

const WIDTH: f64 = 600.0;
pub(super) const TEXT_PX: f64 = 14.0;
const TITLE_PX: u32 = 16;
/// Differs from all other sizes, by which titles are found again.
pub(super) const SUBTITLE_PX: u32 = 15;
/// Longest name that is shown in full: two legend columns of such names fit on the canvas.
pub(super) const NAME_CHARS: usize = 24;
/// Height of the line above the plotting area that holds the unit of the y axis.
pub(super) const UNIT_ROW: f64 = 16.0;
/// The renderer's empty space below a legend that is cut off.
const LEGEND_SPARE: f64 = 16.0;

pub(super) fn nonempty(name: &'static str, what: &str, count: usize) -> Result<()> {
    if count == 0 { Err(Error::Plot { name, problem: format!("there are no {what}") }) } else { Ok(()) }
}

pub(super) fn finite(name: &'static str, what: &str, values: &[f64]) -> Result<()> {
    match values.iter().find(|value| !value.is_finite()) {
        Some(value) => Err(Error::Plot { name, problem: format!("{what} has the value {value}") }),
        None => Ok(()),
    }
}

pub(super) fn color(at: usize) -> &'static str {
    PALETTE[at % PALETTE.len()]
}

pub(super) fn marker(at: usize) -> MarkerShape {
    MARKERS[at % MARKERS.len()]
}

/// Smallest and largest value; an empty input gives an infinite, reversed range, so callers check
/// for that first.
pub(super) fn bounds(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
}

/// A step of 1, 2 or 5 times a power of ten that cuts `span` into at most `parts` pieces.
pub(super) fn nice_step(span: f64, parts: f64) -> f64 {
    let raw = span / parts;
    let power = 10_f64.powf(raw.log10().floor());
    [1.0, 2.0, 5.0].into_iter().map(|m| m * power).find(|step| *step >= raw * 0.999).unwrap_or(power * 10.0)
}

/// The range from `low` to `high`, widened to multiples of `step`.
pub(super) fn whole_steps(low: f64, high: f64, step: f64) -> (f64, f64) {
    ((low / step + 1e-6).floor() * step, (high / step - 1e-6).ceil() * step)
}

/// How many decimals a multiple of `step` needs.
pub(super) fn decimals(step: f64) -> usize {
    (-(step * 1.001).log10().floor()).clamp(0.0, 6.0) as usize
}

/// A number of at least zero for axis ticks and counts: `12,000`, `0.5`.
pub(super) fn thousands(value: f64) -> String {
    if value < 10.0 && value.fract() != 0.0 {
        let digits = format!("{value:.3}");
        return digits.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    let digits = format!("{value:.0}");
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Control characters are not allowed in XML, and a line break would not be drawn.
pub(super) fn clean(name: &str) -> String {
    name.chars().map(|c| if c.is_control() || c == '\u{fffe}' || c == '\u{ffff}' { ' ' } else { c }).collect()
}

/// The width of a character in quarters of an average one, rather too wide than too narrow.
fn weight(c: char) -> usize {
    match c {
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 6,
        'A'..='Z' => 5,
        '\u{1100}'.. => 8,
        _ => 4,
    }
}

/// A name cut to the width of `most` average characters, with an ellipsis when some are missing.
pub(super) fn clip(name: &str, most: usize) -> String {
    let name = clean(name);
    if name.chars().map(weight).sum::<usize>() <= most * 4 {
        return name;
    }
    let mut left = most.saturating_sub(1) * 4;
    let mut kept = String::new();
    for c in name.chars() {
        let Some(rest) = left.checked_sub(weight(c)) else { break };
        left = rest;
        kept.push(c);
    }
    format!("{}…", kept.trim_end())
}

/// A generous estimate of the width of `label` at the common text size.
pub(super) fn text_width(label: &str) -> f64 {
    label.chars().map(weight).sum::<usize>() as f64 * 0.155 * TEXT_PX
}

pub(super) fn listed<'a>(names: impl Iterator<Item = &'a String>) -> String {
    names.map(String::as_str).collect::<Vec<_>>().join(", ")
}

pub(super) fn entry(label: &str, color: &str, shape: LegendShape) -> LegendEntry {
    LegendEntry { label: label.to_owned(), color: color.to_owned(), shape, dasharray: None }
}

pub(super) fn marker_entry(name: &str, at: usize) -> LegendEntry {
    entry(&clip(name, NAME_CHARS), color(at), LegendShape::Marker(marker(at)))
}

/// The layout that all charts share: exact axis ranges, one text size, no ink but [`INK`] and
/// [`FAINT`].
pub(super) fn base(x: (f64, f64), y: (f64, f64)) -> Layout {
    let theme = Theme {
        background: "white".to_owned(),
        axis_color: INK.to_owned(),
        grid_color: FAINT.to_owned(),
        tick_color: INK.to_owned(),
        text_color: INK.to_owned(),
        ..Theme::light()
    };
    let size = TEXT_PX as u32;
    Layout::new(x, y)
        .with_theme(theme)
        .with_width(WIDTH)
        .with_x_axis_min(x.0)
        .with_x_axis_max(x.1)
        .with_y_axis_min(y.0)
        .with_y_axis_max(y.1)
        .with_title_size(TITLE_PX)
        .with_label_size(size)
        .with_tick_size(size)
        .with_body_size(size)
}

/// Puts the legend below the chart, where it takes no width from a phone's screen.
pub(super) fn with_legend(layout: Layout, entries: impl IntoIterator<Item = LegendEntry>) -> Layout {
    let entries: Vec<LegendEntry> = entries.into_iter().collect();
    if entries.is_empty() {
        return layout;
    }
    layout
        .with_legend_entries(entries)
        .with_legend_position(LegendPosition::OutsideBottomColumns)
        .with_legend_box(false)
}

/// Sets the canvas height so that the plotting area is `height` high, however much title and legend
/// need, with `row` more space above it. The renderer keeps room for an axis title even if there is
/// none; that goes.
pub(super) fn fit(layout: Layout, height: f64, row: f64) -> Layout {
    let spare = if layout.x_label.is_some() { 6.0 } else { 20.0 };
    let probe = layout.with_height(height);
    let area = ComputedLayout::from_layout(&probe);
    let (top, bottom) = (area.margin_top + row, area.margin_bottom - spare);
    probe.with_force_margins_y(top, bottom).with_height((top + height + bottom).ceil())
}

/// The unit of the y axis as level text above it, which reads better than turned text and stays
/// sharp in the PNG.
pub(super) fn y_unit(area: &ComputedLayout, unit: &str) -> Primitive {
    text(6.0, area.margin_top - 14.0, unit.to_owned(), TextAnchor::Start)
}

pub(super) fn line((x1, y1): (f64, f64), (x2, y2): (f64, f64), color: &str) -> Primitive {
    Primitive::Line { x1, y1, x2, y2, stroke: Color::from(color), stroke_width: 1.0, stroke_dasharray: None }
}

pub(super) fn text(x: f64, y: f64, content: String, anchor: TextAnchor) -> Primitive {
    Primitive::Text { x, y, content, size: TEXT_PX as u32, anchor, rotate: None, bold: false, color: None }
}

/// Renders the series with `under` below and `over` above them, and makes the result fit for
/// inlining.
pub(super) fn finish(
    name: &'static str,
    title: &str,
    series: Vec<Series>,
    layout: Layout,
    under: Vec<Primitive>,
    over: Vec<Primitive>,
) -> Result<Plot> {
    let legend = layout.show_legend;
    let mut scene = render_multiple(series, layout);
    if legend {
        scene.height -= LEGEND_SPARE;
    }
    // All data lies within the axes, and a clip path needs an id that could clash with another
    // chart's.
    scene.defs.clear();
    scene.elements.retain(|e| !matches!(e, Primitive::ClipStart { .. } | Primitive::ClipEnd));
    // The style element that comes with tooltips would apply to the whole page.
    scene.has_tooltips = false;
    scene.elements.splice(0..0, under);
    scene.elements.extend(over);
    scene.elements.iter_mut().for_each(settle);

    let failed = |problem| Error::Plot { name, problem };
    let png = RasterBackend::new().with_scale(2.0).render_scene(&scene).map_err(failed)?;
    scene.background_color = None;
    let svg = inline_svg(&scene, title).ok_or_else(|| failed("the renderer gave no SVG".to_owned()))?;
    Ok(Plot { name, svg, png })
}

/// Evens out what the renderer fixes: text takes its colour from the root, titles are centred on
/// the canvas, a dollar sign stays one instead of starting a formula, and error bars get wider
/// strokes and narrower caps.
fn settle(element: &mut Primitive) {
    match element {
        Primitive::Text { x, content, size, color, .. } => {
            *color = None;
            if [TITLE_PX, SUBTITLE_PX].contains(size) {
                *x = WIDTH / 2.0;
            }
            *content = content.replace('$', "\\$");
        }
        Primitive::Line { x1, y1, x2, y2, stroke, stroke_width, .. }
            if PALETTE.contains(&stroke.to_svg_string().as_str()) && *stroke_width <= 1.0 =>
        {
            *stroke_width = 1.6;
            if y1 == y2 {
                let middle = (*x1 + *x2) / 2.0;
                (*x1, *x2) = (middle - 3.0, middle + 3.0);
            }
        }
        _ => {}
    }
}

/// The scene as an SVG element that scales and that a screen reader announces by its title.
fn inline_svg(scene: &Scene, title: &str) -> Option<String> {
    let svg = SvgBackend::new().render_scene(scene);
    let (attributes, body) = svg.strip_prefix("<svg ")?.split_once('>')?;
    let title = clean(title).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let role = format!("class=\"plot\" role=\"img\" viewBox=\"0 0 {} {}\"", scene.width, scene.height);
    Some(format!("<svg {role} {attributes}><title>{title}</title>{body}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_short() {
        assert_eq!(thousands(1_234_567.0), "1,234,567");
        assert_eq!(thousands(0.5), "0.5");
        assert_eq!(clip("abcdef", 4), "abc…");
        assert_eq!(clip("a\nb", 4), "a b");
        assert_eq!(clip("検索評価", 6), "検索…");
        assert_eq!((decimals(0.05), decimals(0.1), decimals(2.0)), (2, 1, 0));
        assert_eq!(nice_step(1.0, 5.0), 0.2);
    }
}
