//! Missed judgements by cause.

use super::Plot;
use super::canvas::{
    NAME_CHARS, TEXT_PX, base, color, comma_separated, ensure_nonempty, entry, fit_height,
    format_number, nice_step, render, text, text_width, truncate_name, with_legend,
    without_control_chars,
};
use crate::Result;
use kuva::plot::BarPlot;
use kuva::plot::legend::LegendShape;
use kuva::render::layout::{ComputedLayout, TickFormat};
use kuva::render::render::TextAnchor;
use std::sync::Arc;

const NAME: &str = "losses";

/// Plots for each system a bar of missed judgements, stacked by cause, with the total at its end.
/// All systems must list the same causes in the same order. A cause without misses is left out, and
/// every cause keeps its color from chart to chart.
///
/// # Errors
/// [`crate::Error::Plot`] if there is no system. Systems without misses give a valid chart with
/// empty bars.
pub fn misses(systems: &[(String, Vec<(String, usize)>)]) -> Result<Plot> {
    ensure_nonempty(NAME, "systems", systems.len())?;
    let occurs = |at: usize| {
        systems
            .iter()
            .any(|(_, rows)| rows.get(at).is_some_and(|(_, count)| *count > 0))
    };
    let causes: Vec<usize> = (0..systems[0].1.len()).filter(|at| occurs(*at)).collect();

    let mut bars = BarPlot::new()
        .with_horizontal(true)
        .with_stacked()
        .with_width(0.62);
    let mut labels = Vec::new();
    let mut tooltips = Vec::new();
    let mut totals = Vec::new();
    // The first group is drawn at the bottom, but the first system belongs on top.
    for (system, rows) in systems.iter().rev() {
        let mut total = 0.0;
        let mut values = Vec::new();
        for (at, (cause, count)) in causes.iter().filter_map(|at| Some((*at, rows.get(*at)?))) {
            let count = *count as f64;
            total += count;
            values.push((count, color(at)));
            tooltips.push(without_control_chars(&format!(
                "{system}, {cause}: {}",
                format_number(count)
            )));
        }
        let label = truncate_name(system, NAME_CHARS);
        bars = bars.with_group(label.as_str(), values);
        labels.push(label);
        totals.push(total);
    }
    bars = bars.with_tooltip_labels(tooltips);

    let max_total = totals.iter().copied().fold(1.0, f64::max);
    // With the longest names, the bars have about 340 pixels for tick labels and a total.
    let label_width = text_width(&format_number(max_total));
    let step = nice_step(max_total, (340.0 / (label_width + 12.0)).min(6.0)).max(1.0);
    let count = systems.len() as f64;
    // The total is drawn to the right of the longest bar.
    let room = 1.0 - (label_width + 8.0) / 340.0;
    let layout = base((0.0, max_total / room.max(0.5)), (0.5, count + 0.5))
        .with_title("Missed judgements by cause")
        .with_x_label("judgements")
        .with_y_categories(labels)
        .with_x_tick_step(step)
        .with_x_tick_format(TickFormat::Custom(Arc::new(format_number)));
    let entry = |at: &usize| {
        entry(
            &truncate_name(&systems[0].1[*at].0, NAME_CHARS),
            color(*at),
            LegendShape::Rect,
        )
    };
    let entries = causes.iter().map(entry);
    let layout = fit_height(with_legend(layout, entries), (count * 46.0).max(120.0), 0.0);

    let area = ComputedLayout::from_layout(&layout);
    let mut overlay = Vec::new();
    for (at, total) in totals.into_iter().enumerate() {
        let (x, y) = (
            area.map_x(total) + 6.0,
            area.map_y(at as f64 + 1.0) + TEXT_PX * 0.36,
        );
        overlay.push(text(x, y, format_number(total), TextAnchor::Start));
    }
    let title = format!(
        "Missed judgements by cause for {}",
        comma_separated(systems.iter().map(|s| &s.0))
    );
    render(NAME, &title, vec![bars.into()], layout, Vec::new(), overlay)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_input_is_an_error_but_systems_without_misses_are_not() {
        assert!(misses(&[]).is_err());
        assert!(misses(&[("a".into(), vec![("words".into(), 0)])]).is_ok());
    }

    #[test]
    fn causes_without_misses_are_left_out() {
        let svg = misses(&[("a".into(), vec![("words".into(), 3), ("graph".into(), 0)])])
            .unwrap()
            .svg;
        assert!(svg.contains(">words<") && !svg.contains(">graph<"));
    }
}
