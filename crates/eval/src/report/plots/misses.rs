//! Shows where each system misses judgements, by the cause of the miss.

use super::Plot;
use super::canvas::{
    NAME_CHARS, TEXT_PX, base, clean, clip, color, entry, finish, fit, listed, nice_step, nonempty, text, text_width,
    thousands, with_legend,
};
use crate::Result;
use kuva::plot::BarPlot;
use kuva::plot::legend::LegendShape;
use kuva::render::layout::{ComputedLayout, TickFormat};
use kuva::render::render::TextAnchor;
use std::sync::Arc;

const NAME: &str = "losses";

/// Shows for each system one bar of missed judgements, stacked by the cause of the miss, with the
/// total at its end. All systems name the same causes in the same order; one that none of them has
/// is left out, and every cause keeps its colour from chart to chart.
///
/// # Errors
///
/// When there is no system. Systems that miss nothing give a valid chart with empty bars.
pub fn misses(systems: &[(String, Vec<(String, usize)>)]) -> Result<Plot> {
    nonempty(NAME, "systems", systems.len())?;
    let occurs = |at: usize| systems.iter().any(|(_, rows)| rows.get(at).is_some_and(|(_, count)| *count > 0));
    let causes: Vec<usize> = (0..systems[0].1.len()).filter(|at| occurs(*at)).collect();

    let mut bars = BarPlot::new().with_horizontal(true).with_stacked().with_width(0.62);
    let mut labels = Vec::new();
    let mut tips = Vec::new();
    let mut totals = Vec::new();
    // The first group is drawn at the bottom, but the first system belongs to the top.
    for (system, rows) in systems.iter().rev() {
        let mut total = 0.0;
        let mut values = Vec::new();
        for (at, (cause, count)) in causes.iter().filter_map(|at| Some((*at, rows.get(*at)?))) {
            let count = *count as f64;
            total += count;
            values.push((count, color(at)));
            tips.push(clean(&format!("{system}, {cause}: {}", thousands(count))));
        }
        let label = clip(system, NAME_CHARS);
        bars = bars.with_group(label.as_str(), values);
        labels.push(label);
        totals.push(total);
    }
    bars = bars.with_tooltip_labels(tips);

    let most = totals.iter().copied().fold(1.0, f64::max);
    // With the longest names, bars have some 340 pixels, in which tick labels and a total must have
    // room.
    let number = text_width(&thousands(most));
    let step = nice_step(most, (340.0 / (number + 12.0)).min(6.0)).max(1.0);
    let count = systems.len() as f64;
    // The room right of the longest bar holds its total.
    let room = 1.0 - (number + 8.0) / 340.0;
    let layout = base((0.0, most / room.max(0.5)), (0.5, count + 0.5))
        .with_title("Missed judgements by cause")
        .with_x_label("judgements")
        .with_y_categories(labels)
        .with_x_tick_step(step)
        .with_x_tick_format(TickFormat::Custom(Arc::new(thousands)));
    let entry = |at: &usize| entry(&clip(&systems[0].1[*at].0, NAME_CHARS), color(*at), LegendShape::Rect);
    let entries = causes.iter().map(entry);
    let layout = fit(with_legend(layout, entries), (count * 46.0).max(120.0), 0.0);

    let area = ComputedLayout::from_layout(&layout);
    let mut over = Vec::new();
    for (at, total) in totals.into_iter().enumerate() {
        let (x, y) = (area.map_x(total) + 6.0, area.map_y(at as f64 + 1.0) + TEXT_PX * 0.36);
        over.push(text(x, y, thousands(total), TextAnchor::Start));
    }
    let title = format!("Missed judgements by cause for {}", listed(systems.iter().map(|s| &s.0)));
    finish(NAME, &title, vec![bars.into()], layout, Vec::new(), over)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_missing_systems_are_an_error() {
        assert!(misses(&[]).is_err());
        assert!(misses(&[("a".into(), vec![("words".into(), 0)])]).is_ok());
    }

    #[test]
    fn causes_without_misses_are_left_out() {
        let svg = misses(&[("a".into(), vec![("words".into(), 3), ("graph".into(), 0)])]).unwrap().svg;
        assert!(svg.contains(">words<") && !svg.contains(">graph<"));
    }
}
