//! Metric means with 95 % intervals.

use super::Plot;
use super::canvas::{
    NAME_CHARS, base, color, comma_separated, ensure_finite, ensure_nonempty, fit_height, marker,
    marker_entry, render, text_width, truncate_name, with_legend, without_control_chars,
};
use crate::Result;
use kuva::plot::scatter::ScatterPlot;
use kuva::render::layout::{AxisLabelOverlap, TickFormat};
use kuva::render::plots::Plot as Series;

const NAME: &str = "metrics";

/// A system's name and, for each metric, name, mean and bounds of the 95 % interval.
type SystemRows = (String, Vec<(String, f64, [f64; 2])>);

/// Plots for each metric one marker per system at its mean, with the 95 % interval as error bar, on
/// a scale of 0 to 1. A metric that a system lacks has no marker for it.
///
/// # Errors
/// [`crate::Error::Plot`] if there is no metric, or a mean or bound is not finite.
pub fn metrics(systems: &[SystemRows]) -> Result<Plot> {
    let mut names: Vec<&str> = Vec::new();
    for (metric, mean, [low, high]) in systems.iter().flat_map(|(_, rows)| rows) {
        ensure_finite(NAME, metric, &[*mean, *low, *high])?;
        if !names.contains(&metric.as_str()) {
            names.push(metric);
        }
    }
    ensure_nonempty(NAME, "metrics", names.len())?;

    let count = names.len() as f64;
    // Neighboring groups are apart by at least a fifth of a group's width.
    let gap = (0.8 / systems.len() as f64).min(0.2);
    let mut series: Vec<Series> = Vec::new();
    for (at, (system, rows)) in systems.iter().enumerate() {
        let shift = (at as f64 - (systems.len() as f64 - 1.0) / 2.0) * gap;
        let mut points = Vec::new();
        let mut errors = Vec::new();
        let mut tooltips = Vec::new();
        for (metric, mean, ci) in rows {
            let Some(group) = names.iter().position(|name| name == metric) else {
                continue;
            };
            points.push((group as f64 + 1.0 + shift, mean.clamp(0.0, 1.0)));
            let [low, high] = ci.map(|bound| bound.clamp(0.0, 1.0));
            errors.push(((mean - low).max(0.0), (high - mean).max(0.0)));
            tooltips.push(without_control_chars(&format!(
                "{system}, {metric}: {mean:.3} [{:.3}, {:.3}]",
                ci[0], ci[1]
            )));
        }
        let scatter = ScatterPlot::new()
            .with_data(points)
            .with_y_err_asymmetric(errors)
            .with_color(color(at))
            .with_marker(marker(at))
            .with_size(4.5)
            .with_tooltip_labels(tooltips);
        series.push(scatter.into());
    }

    let slot = 520.0 / count;
    // Crowded labels are staggered in two rows, so one may be wider than its slot, within the limit
    // of the edge.
    let max_chars = ((slot + 24.0) / text_width("x")).min(NAME_CHARS as f64) as usize;
    let labels: Vec<String> = names
        .iter()
        .map(|name| truncate_name(name, max_chars))
        .collect();
    let crowded = labels.iter().any(|label| text_width(label) > slot - 6.0);
    let overlap = if crowded {
        AxisLabelOverlap::Stagger
    } else {
        AxisLabelOverlap::Allow
    };
    let layout = base((0.5, count + 0.5), (0.0, 1.0))
        .with_title("Mean per metric with 95 % interval")
        .with_x_categories(labels)
        .with_x_label_overlap(overlap)
        .with_y_tick_step(0.2)
        .with_y_tick_format(TickFormat::Fixed(1));
    let layout = with_legend(
        layout,
        systems
            .iter()
            .enumerate()
            .map(|(at, (name, _))| marker_entry(name, at)),
    );
    let layout = fit_height(layout, 300.0, 0.0);
    let title = format!(
        "Mean and 95 % interval of {} for {}",
        names.join(", "),
        comma_separated(systems.iter().map(|s| &s.0))
    );
    render(NAME, &title, series, layout, Vec::new(), Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_or_unusable_data_is_an_error() {
        assert!(metrics(&[]).is_err());
        assert!(metrics(&[("a".into(), vec![])]).is_err());
        assert!(metrics(&[("a".into(), vec![("m".into(), f64::NAN, [0.0, 1.0])])]).is_err());
    }
}
