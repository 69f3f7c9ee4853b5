//! Shared by all charts: layout, legend, text and rendering.

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

/// The color of text, axes and ticks; [`super::THEME_CSS`] selects strokes by it.
pub(super) const INK: &str = "#333333";

/// The color of grid lines; [`super::THEME_CSS`] selects them by it.
pub(super) const FAINT: &str = "#d5d5d5";

/// Okabe and Ito's palette, with gray for black, which would be invisible on a dark page.
pub(super) const PALETTE: [&str; 8] = [
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#999999", "#f0e442",
];

/// Marker shapes, so that systems do not differ by color alone.
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
/// Unique among the sizes, so that the subtitle can be recognized when the chart is rendered.
pub(super) const SUBTITLE_PX: u32 = 15;
/// The longest name shown in full, in average characters: two legend columns of such names fit.
pub(super) const NAME_CHARS: usize = 24;
/// The height of the row above the plot area that holds the unit of the y axis.
pub(super) const UNIT_ROW_HEIGHT: f64 = 16.0;
/// The empty space that the renderer leaves below a legend; it is cut off.
const LEGEND_SURPLUS: f64 = 16.0;

pub(super) fn ensure_nonempty(name: &'static str, what: &str, count: usize) -> Result<()> {
    if count == 0 {
        Err(Error::Plot {
            name,
            reason: format!("there are no {what}"),
        })
    } else {
        Ok(())
    }
}

pub(super) fn ensure_finite(name: &'static str, what: &str, values: &[f64]) -> Result<()> {
    match values.iter().find(|value| !value.is_finite()) {
        Some(value) => Err(Error::Plot {
            name,
            reason: format!("{what} has the value {value}"),
        }),
        None => Ok(()),
    }
}

pub(super) fn color(at: usize) -> &'static str {
    PALETTE[at % PALETTE.len()]
}

pub(super) fn marker(at: usize) -> MarkerShape {
    MARKERS[at % MARKERS.len()]
}

/// The smallest and the largest value. Callers must rule out empty input: it gives a reversed,
/// infinite range.
pub(super) fn bounds(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| {
        (low.min(v), high.max(v))
    })
}

/// A step of 1, 2 or 5 times a power of ten that divides `span` into at most `parts` parts.
pub(super) fn nice_step(span: f64, parts: f64) -> f64 {
    let raw = span / parts;
    let power = 10_f64.powf(raw.log10().floor());
    [1.0, 2.0, 5.0]
        .into_iter()
        .map(|m| m * power)
        .find(|step| *step >= raw * 0.999)
        .unwrap_or(power * 10.0)
}

/// The range from `low` to `high`, widened to multiples of `step`.
pub(super) fn widen_to_steps(low: f64, high: f64, step: f64) -> (f64, f64) {
    (
        (low / step + 1e-6).floor() * step,
        (high / step - 1e-6).ceil() * step,
    )
}

/// The number of decimals that a multiple of `step` needs.
pub(super) fn decimals(step: f64) -> usize {
    (-(step * 1.001).log10().floor()).clamp(0.0, 6.0) as usize
}

/// Formats a non-negative number for ticks and counts: `12,000`, `0.5`.
pub(super) fn format_number(value: f64) -> String {
    if value < 10.0 && value.fract() != 0.0 {
        let digits = format!("{value:.3}");
        return digits
            .trim_end_matches('0')
            .trim_end_matches('.')
            .to_owned();
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

/// Replaces control characters, which XML does not allow and which cannot be drawn, with spaces.
pub(super) fn without_control_chars(name: &str) -> String {
    name.chars()
        .map(|c| {
            if c.is_control() || c == '\u{fffe}' || c == '\u{ffff}' {
                ' '
            } else {
                c
            }
        })
        .collect()
}

/// The estimated width of a character, in quarters of an average one; rather too wide.
fn quarter_widths(c: char) -> usize {
    match c {
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 6,
        'A'..='Z' => 5,
        '\u{1100}'.. => 8,
        _ => 4,
    }
}

/// Truncates a name to the width of `max_chars` average characters, with an ellipsis.
pub(super) fn truncate_name(name: &str, max_chars: usize) -> String {
    let name = without_control_chars(name);
    if name.chars().map(quarter_widths).sum::<usize>() <= max_chars * 4 {
        return name;
    }
    let mut left = max_chars.saturating_sub(1) * 4;
    let mut kept = String::new();
    for c in name.chars() {
        let Some(rest) = left.checked_sub(quarter_widths(c)) else {
            break;
        };
        left = rest;
        kept.push(c);
    }
    format!("{}…", kept.trim_end())
}

/// The estimated width of `label` in pixels at the common text size; rather too wide.
pub(super) fn text_width(label: &str) -> f64 {
    label.chars().map(quarter_widths).sum::<usize>() as f64 * 0.155 * TEXT_PX
}

pub(super) fn comma_separated<'a>(names: impl Iterator<Item = &'a String>) -> String {
    names.map(String::as_str).collect::<Vec<_>>().join(", ")
}

pub(super) fn entry(label: &str, color: &str, shape: LegendShape) -> LegendEntry {
    LegendEntry {
        label: label.to_owned(),
        color: color.to_owned(),
        shape,
        dasharray: None,
    }
}

pub(super) fn marker_entry(name: &str, at: usize) -> LegendEntry {
    entry(
        &truncate_name(name, NAME_CHARS),
        color(at),
        LegendShape::Marker(marker(at)),
    )
}

/// The layout of all charts: exact axis ranges, one text size, no line colors but [`INK`] and
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

/// Puts the legend below the chart, where it takes no width on a narrow screen.
pub(super) fn with_legend(
    layout: Layout,
    entries: impl IntoIterator<Item = LegendEntry>,
) -> Layout {
    let entries: Vec<LegendEntry> = entries.into_iter().collect();
    if entries.is_empty() {
        return layout;
    }
    layout
        .with_legend_entries(entries)
        .with_legend_position(LegendPosition::OutsideBottomColumns)
        .with_legend_box(false)
}

/// Sets the canvas height so that the plot area is `height` pixels high whatever title and legend
/// need, with `row` pixels above it. The space that the renderer reserves for a missing axis title
/// is removed.
pub(super) fn fit_height(layout: Layout, height: f64, row: f64) -> Layout {
    let surplus = if layout.x_label.is_some() { 6.0 } else { 20.0 };
    let probe = layout.with_height(height);
    let area = ComputedLayout::from_layout(&probe);
    let (top, bottom) = (area.margin_top + row, area.margin_bottom - surplus);
    probe
        .with_force_margins_y(top, bottom)
        .with_height((top + height + bottom).ceil())
}

/// The unit of the y axis as horizontal text above it: easier to read than rotated text, and sharp
/// in the PNG.
pub(super) fn y_unit(area: &ComputedLayout, unit: &str) -> Primitive {
    text(
        6.0,
        area.margin_top - 14.0,
        unit.to_owned(),
        TextAnchor::Start,
    )
}

pub(super) fn line((x1, y1): (f64, f64), (x2, y2): (f64, f64), color: &str) -> Primitive {
    Primitive::Line {
        x1,
        y1,
        x2,
        y2,
        stroke: Color::from(color),
        stroke_width: 1.0,
        stroke_dasharray: None,
    }
}

pub(super) fn text(x: f64, y: f64, content: String, anchor: TextAnchor) -> Primitive {
    Primitive::Text {
        x,
        y,
        content,
        size: TEXT_PX as u32,
        anchor,
        rotate: None,
        bold: false,
        color: None,
    }
}

/// Renders the series, with `underlay` below and `overlay` above them, to an SVG that can be
/// inlined and a PNG.
pub(super) fn render(
    name: &'static str,
    title: &str,
    series: Vec<Series>,
    layout: Layout,
    underlay: Vec<Primitive>,
    overlay: Vec<Primitive>,
) -> Result<Plot> {
    let legend = layout.show_legend;
    let mut scene = render_multiple(series, layout);
    if legend {
        scene.height -= LEGEND_SURPLUS;
    }
    // Clip paths are not needed, as all data lies within the axes, and their ids could clash with
    // another chart's.
    scene.defs.clear();
    scene
        .elements
        .retain(|e| !matches!(e, Primitive::ClipStart { .. } | Primitive::ClipEnd));
    // The style element for tooltips would apply to the whole page.
    scene.has_tooltips = false;
    scene.elements.splice(0..0, underlay);
    scene.elements.extend(overlay);
    scene.elements.iter_mut().for_each(adjust_for_inlining);

    let failed = |reason| Error::Plot { name, reason };
    let png = RasterBackend::new()
        .with_scale(2.0)
        .render_scene(&scene)
        .map_err(failed)?;
    scene.background_color = None;
    let svg =
        inline_svg(&scene, title).ok_or_else(|| failed("the renderer gave no SVG".to_owned()))?;
    Ok(Plot { name, svg, png })
}

/// Adjusts what the renderer does not let us set: text takes its color from the root, titles are
/// centered on the canvas, a dollar sign does not start a formula, and error bars get thicker
/// strokes and narrower caps.
fn adjust_for_inlining(element: &mut Primitive) {
    match element {
        Primitive::Text {
            x,
            content,
            size,
            color,
            ..
        } => {
            *color = None;
            if [TITLE_PX, SUBTITLE_PX].contains(size) {
                *x = WIDTH / 2.0;
            }
            *content = content.replace('$', "\\$");
        }
        Primitive::Line {
            x1,
            y1,
            x2,
            y2,
            stroke,
            stroke_width,
            ..
        } if PALETTE.contains(&stroke.to_svg_string().as_str()) && *stroke_width <= 1.0 => {
            *stroke_width = 1.6;
            if y1 == y2 {
                let middle = (*x1 + *x2) / 2.0;
                (*x1, *x2) = (middle - 3.0, middle + 3.0);
            }
        }
        _ => {}
    }
}

/// The scene as a scalable SVG element with a title for screen readers.
fn inline_svg(scene: &Scene, title: &str) -> Option<String> {
    let svg = SvgBackend::new().render_scene(scene);
    let (attributes, body) = svg.strip_prefix("<svg ")?.split_once('>')?;
    let title = without_control_chars(title)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let role = format!(
        "class=\"plot\" role=\"img\" viewBox=\"0 0 {} {}\"",
        scene.width, scene.height
    );
    Some(format!(
        "<svg {role} {attributes}><title>{title}</title>{body}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_formatted() {
        assert_eq!(format_number(1_234_567.0), "1,234,567");
        assert_eq!(format_number(0.5), "0.5");
        assert_eq!(truncate_name("abcdef", 4), "abc…");
        assert_eq!(truncate_name("a\nb", 4), "a b");
        assert_eq!(truncate_name("検索評価", 6), "検索…");
        assert_eq!((decimals(0.05), decimals(0.1), decimals(2.0)), (2, 1, 0));
        assert_eq!(nice_step(1.0, 5.0), 0.2);
    }
}
