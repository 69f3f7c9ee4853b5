//! `GET /metrics`.

use super::AppState;
use crate::app::App;
use crate::blocking::run_blocking;
use crate::metrics::{ARTICLES, PASSAGES, QUEUED_QUESTIONS};
use crate::problem::Result;
use axum::extract::State;
use store::Stats;

/// Renders all metrics in Prometheus' text format.
pub async fn get(State(app): AppState) -> Result<String> {
    run_blocking(move || Ok(render(&app))).await
}

fn render(app: &App) -> String {
    metrics::gauge!(QUEUED_QUESTIONS).set(app.pool.queued() as f64);
    let sizes: Vec<(String, Stats)> = app
        .collections
        .all()
        .into_iter()
        .filter_map(|served| {
            Some((
                served.name.clone(),
                served.snapshot().collection.stats().ok()?,
            ))
        })
        .collect();
    let gauge = |name: &str, help: &str, of: &dyn Fn(&Stats) -> usize| {
        let lines = sizes.iter().map(|(collection, stats)| {
            format!("{name}{{collection=\"{collection}\"}} {}\n", of(stats))
        });
        format!(
            "# HELP {name} {help}\n# TYPE {name} gauge\n{}\n",
            lines.collect::<String>()
        )
    };
    // Written here, not recorded: a recorder would keep showing removed collections. Their names
    // need no escaping.
    app.metrics.render()
        + &gauge(ARTICLES, "Articles, by collection", &|stats| stats.articles)
        + &gauge(PASSAGES, "Passages, by collection", &|stats| stats.passages)
}
