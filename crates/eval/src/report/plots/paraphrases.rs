//! Robustness to wording: the spread within groups of paraphrases.

use super::Plot;
use super::canvas::{
    FAINT, NAME_CHARS, PALETTE, base, bounds, decimals, ensure_finite, ensure_nonempty, entry,
    fit_height, format_number, line, nice_step, render, truncate_name, widen_to_steps, with_legend,
    without_control_chars,
};
use crate::Result;
use kuva::plot::legend::LegendShape;
use kuva::plot::line::LinePlot;
use kuva::plot::scatter::ScatterPlot;
use kuva::render::layout::{ComputedLayout, TickFormat};
use kuva::render::plots::Plot as Series;
use kuva::render::render::Primitive;

const NAME: &str = "paraphrases";
const RANGE: &str = PALETTE[4];
const MEAN: &str = PALETTE[0];
const MAX_GROUPS: usize = 60;

/// Plots for each group (label, worst, mean and best value) a line from the worst to the best value
/// with a dot at the mean, lowest mean on top. Only the 60 groups with the lowest means are drawn;
/// the title says how many there are.
///
/// # Errors
/// [`crate::Error::Plot`] if there is no group or a value is not finite.
pub fn paraphrases(groups: &[(String, f64, f64, f64)], metric: &str) -> Result<Plot> {
    ensure_nonempty(NAME, "groups", groups.len())?;
    for (label, worst, mean, best) in groups {
        ensure_finite(NAME, label, &[*worst, *mean, *best])?;
    }
    let mut rows: Vec<&(String, f64, f64, f64)> = groups.iter().collect();
    rows.sort_by(|x, y| x.2.total_cmp(&y.2));
    rows.truncate(MAX_GROUPS);
    // Row 1 is drawn at the bottom.
    rows.reverse();

    let count = rows.len() as f64;
    let (low, high) = bounds(rows.iter().flat_map(|row| [row.1, row.2, row.3]));
    // Most metrics lie in 0..=1, and a fixed scale makes reports comparable.
    let (low, high) = if low >= 0.0 && high <= 1.0 {
        (0.0, 1.0)
    } else {
        (low, high)
    };
    let step = nice_step((high - low).max(1e-9), 5.0);
    let (low, high) = widen_to_steps(low, high, step);
    let high = high.max(low + step);

    let mut series: Vec<Series> = Vec::new();
    let mut means = Vec::new();
    let mut tooltips = Vec::new();
    for (at, (label, worst, mean, best)) in rows.iter().enumerate() {
        let y = at as f64 + 1.0;
        let range = LinePlot::new()
            .with_data(vec![(*worst, y), (*best, y)])
            .with_color(RANGE);
        series.push(range.with_stroke_width(4.0).into());
        means.push((*mean, y));
        tooltips.push(without_control_chars(&format!(
            "{label}: worst {worst:.3}, mean {mean:.3}, best {best:.3}"
        )));
    }
    let dots = ScatterPlot::new()
        .with_data(means)
        .with_color(MEAN)
        .with_size(4.5)
        .with_tooltip_labels(tooltips);
    series.push(dots.into());

    let heading = if groups.len() > rows.len() {
        format!(
            "Paraphrases: the {} lowest of {} groups",
            rows.len(),
            format_number(groups.len() as f64)
        )
    } else {
        "Paraphrases: spread within each group".to_owned()
    };
    let pad = (high - low) * 0.015;
    let layout = base((low - pad, high + pad), (0.4, count + 0.6))
        .with_title(heading.as_str())
        .with_x_label(truncate_name(metric, NAME_CHARS))
        .with_y_categories(
            rows.iter()
                .map(|row| truncate_name(&row.0, NAME_CHARS))
                .collect(),
        )
        .with_x_tick_step(step)
        .with_x_tick_format(TickFormat::Fixed(decimals(step)));
    let entries = [
        entry("worst to best", RANGE, LegendShape::Line),
        entry("mean", MEAN, LegendShape::Circle),
    ];
    let layout = fit_height(with_legend(layout, entries), (count * 21.0).max(80.0), 0.0);
    let steps = ((high - low) / step).round() as usize;
    let ticks = (0..=steps).map(|at| low + at as f64 * step);
    let underlay = vertical_grid(&ComputedLayout::from_layout(&layout), ticks);
    render(
        NAME,
        &format!("{heading}, {metric}"),
        series,
        layout,
        underlay,
        Vec::new(),
    )
}

/// Grid lines: the renderer omits them in charts with names on the y axis.
fn vertical_grid(area: &ComputedLayout, ticks: impl Iterator<Item = f64>) -> Vec<Primitive> {
    let (top, bottom) = (area.margin_top, area.height - area.margin_bottom);
    ticks
        .map(|tick| area.map_x(tick))
        .map(|x| line((x, top), (x, bottom), FAINT))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_data_is_an_error() {
        assert!(paraphrases(&[], "m").is_err());
    }

    #[test]
    fn group_without_spread_is_drawn() {
        assert!(paraphrases(&[("g".into(), 3.0, 3.0, 3.0)], "m").is_ok());
    }

    #[test]
    fn only_the_lowest_groups_are_drawn() {
        let groups: Vec<_> = (0..100)
            .map(|i| (format!("g{i:02}"), 0.0, f64::from(i) / 100.0, 1.0))
            .collect();
        let svg = paraphrases(&groups, "m").unwrap().svg;
        assert!(svg.contains(">g00<") && svg.contains(">g59<") && !svg.contains(">g60<"));
    }
}
