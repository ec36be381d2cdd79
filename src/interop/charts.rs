//! Files of charts: which context a file's name stands for.

/// The chart files that a folder may hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChartFile {
    /// `charts.jsonl`: the default context.
    Default,
    /// `charts-<context>.jsonl`.
    Context(String),
    /// `completed-charts.jsonl`: charts that were put away.
    Archive,
}

/// What a file's name, with or without a folder in front, says of the charts in it. Any other name ending in `.jsonl`
/// is none of a folder of charts.
#[must_use]
pub fn chart_file(name: &str) -> Option<ChartFile> {
    let name = name.rsplit(['/', '\\']).next()?.strip_suffix(".jsonl")?;
    match name {
        "charts" => Some(ChartFile::Default),
        "completed-charts" => Some(ChartFile::Archive),
        other => {
            let context = other.strip_prefix("charts-")?;
            (!context.is_empty()).then(|| ChartFile::Context(context.to_owned()))
        }
    }
}

/// The name of the file for these charts.
#[must_use]
pub fn file_name(file: &ChartFile) -> String {
    match file {
        ChartFile::Default => "charts.jsonl".to_owned(),
        ChartFile::Context(context) => format!("charts-{context}.jsonl"),
        ChartFile::Archive => "completed-charts.jsonl".to_owned(),
    }
}
