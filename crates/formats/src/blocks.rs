//! Builds plain text from the runs, paragraphs and tables of a word processor's file: runs are
//! joined without a space, blocks are kept apart.

/// The text of a file, under construction.
#[derive(Default)]
pub struct Blocks {
    flow: Flow,
    /// The flows suspended by open asides (footnotes, text boxes), outermost first.
    outer: Vec<(Flow, Aside)>,
    /// Blocks to append at the end of the text: footnotes and comments.
    end: Vec<Block>,
}

/// Where the text of an aside goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Aside {
    /// After the paragraph that contains it: a text box.
    After,
    /// To the end of the text: a footnote.
    End,
}

#[derive(Default)]
struct Flow {
    blocks: Vec<Block>,
    /// Text boxes of the current paragraph.
    boxes: Vec<Block>,
    paragraph: String,
    tables: Vec<Table>,
}

struct Block {
    text: String,
    level: Option<u8>,
}

#[derive(Default)]
struct Table {
    rows: Vec<String>,
    row: Vec<Vec<Block>>,
    cell: Vec<Block>,
}

/// Longer runs of empty cells in a row are shortened to this.
const MAX_EMPTY_CELLS: usize = 4;

impl Blocks {
    /// Appends text to the current paragraph. Each run of white space becomes one space.
    pub fn text(&mut self, text: &str) {
        let paragraph = &mut self.flow.paragraph;
        for (at, word) in text.split(char::is_whitespace).enumerate() {
            if at > 0 {
                space(paragraph);
            }
            paragraph.push_str(word);
        }
    }

    /// Breaks the line within the current paragraph.
    pub fn line_break(&mut self) {
        let paragraph = &mut self.flow.paragraph;
        paragraph.truncate(paragraph.trim_end_matches(' ').len());
        if !paragraph.is_empty() {
            paragraph.push('\n');
        }
    }

    /// Ends the current paragraph; with a level, it is a heading.
    pub fn end_paragraph(&mut self, level: Option<u8>) {
        let text = std::mem::take(&mut self.flow.paragraph);
        let text = text.trim();
        if !text.is_empty() {
            let text = if level.is_some() {
                text.replace('\n', " ")
            } else {
                text.to_owned()
            };
            self.flow.push(Block { text, level });
        }
        let boxes = std::mem::take(&mut self.flow.boxes);
        boxes.into_iter().for_each(|block| self.flow.push(block));
    }

    /// Whether the current paragraph is still blank.
    pub fn is_at_start(&self) -> bool {
        self.flow.paragraph.trim().is_empty()
    }

    pub fn start_table(&mut self) {
        self.end_paragraph(None);
        self.flow.tables.push(Table::default());
    }

    pub fn end_cell(&mut self) {
        self.end_paragraph(None);
        if let Some(table) = self.flow.tables.last_mut() {
            let cell = std::mem::take(&mut table.cell);
            table.row.push(cell);
        }
    }

    /// Adds empty cells, at most [`MAX_EMPTY_CELLS`] in a row.
    pub fn empty_cells(&mut self, count: usize) {
        if let Some(table) = self.flow.tables.last_mut() {
            let existing = table
                .row
                .iter()
                .rev()
                .take(MAX_EMPTY_CELLS)
                .take_while(|cell| cell.is_empty())
                .count();
            table
                .row
                .extend((existing..MAX_EMPTY_CELLS.min(existing + count)).map(|_| Vec::new()));
        }
    }

    pub fn end_row(&mut self) {
        self.end_paragraph(None);
        let is_inner = self.flow.tables.len() > 1;
        let Some(table) = self.flow.tables.last_mut() else {
            return;
        };
        if !table.cell.is_empty() {
            let cell = std::mem::take(&mut table.cell);
            table.row.push(cell);
        }
        let mut row = std::mem::take(&mut table.row);
        let filled = row.iter().filter(|cell| !cell.is_empty()).count();
        // A row with one cell of several paragraphs is a frame around text, not a table.
        if filled == 1
            && !is_inner
            && row
                .iter()
                .any(|cell| cell.len() > 1 || cell.iter().any(|b| b.level.is_some()))
        {
            let rows = std::mem::take(&mut table.rows);
            self.flow.blocks.extend(rows_block(rows));
            self.flow.blocks.extend(row.drain(..).flatten());
            return;
        }
        let cells: Vec<String> = row.into_iter().map(|cell| cell_text(&cell)).collect();
        if let Some(line) = row_line(&cells) {
            table.rows.push(line);
        }
    }

    pub fn end_table(&mut self) {
        self.end_row();
        let Some(table) = self.flow.tables.pop() else {
            return;
        };
        if let Some(block) = rows_block(table.rows) {
            self.flow.push(block);
        }
    }

    pub fn start_aside(&mut self, aside: Aside) {
        let flow = std::mem::take(&mut self.flow);
        self.outer.push((flow, aside));
    }

    /// Ends the innermost aside. A `label`, if not empty, is put before its text: "label: text".
    pub fn end_aside(&mut self, label: &str) {
        let Some((outer, aside)) = self.outer.pop() else {
            return;
        };
        let mut blocks = std::mem::replace(&mut self.flow, outer).finish();
        if let Some(first) = blocks.first_mut().filter(|_| !label.is_empty()) {
            first.text = format!("{label}: {}", first.text);
        }
        match aside {
            Aside::After => self.flow.boxes.extend(blocks),
            Aside::End => self.end.extend(blocks),
        }
    }

    /// The first heading of the highest level in the text.
    pub fn first_heading(&self) -> Option<&str> {
        let headings = self
            .flow
            .blocks
            .iter()
            .filter(|block| block.level.is_some());
        headings
            .min_by_key(|block| block.level)
            .map(|block| block.text.as_str())
    }

    /// The whole text, with footnotes and comments at its end.
    pub fn finish(mut self) -> String {
        while !self.outer.is_empty() {
            self.end_aside("");
        }
        let mut text = String::new();
        for block in self.flow.finish().into_iter().chain(self.end) {
            if !text.is_empty() {
                text.push_str("\n\n");
            }
            text.push_str(&block.text);
        }
        if !text.is_empty() {
            text.push('\n');
        }
        text
    }
}

impl Flow {
    fn push(&mut self, block: Block) {
        match self.tables.last_mut() {
            Some(table) => table.cell.push(block),
            None => self.blocks.push(block),
        }
    }

    /// All blocks, after closing the paragraphs and tables that a damaged file left open.
    fn finish(self) -> Vec<Block> {
        let mut blocks = Blocks {
            flow: self,
            ..Blocks::default()
        };
        blocks.end_paragraph(None);
        while !blocks.flow.tables.is_empty() {
            blocks.end_table();
        }
        blocks.flow.blocks
    }
}

/// Appends a space, unless the text is empty or already ends in white space.
fn space(text: &mut String) {
    if !text.is_empty() && !text.ends_with([' ', '\n']) {
        text.push(' ');
    }
}

fn rows_block(rows: Vec<String>) -> Option<Block> {
    (!rows.is_empty()).then(|| Block {
        text: rows.join("\n"),
        level: None,
    })
}

fn cell_text(cell: &[Block]) -> String {
    cell.iter()
        .map(|block| block.text.replace('\n', " "))
        .collect::<Vec<_>>()
        .join(" ")
}

/// A table row as one line; `None` if all cells are empty. Empty cells between others keep their
/// place.
pub fn row_line(cells: &[String]) -> Option<String> {
    let first = cells.iter().position(|cell| !cell.is_empty())?;
    let last = cells.iter().rposition(|cell| !cell.is_empty())?;
    Some(cells.get(first..=last)?.join(" | "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_joined_and_blocks_separated() {
        let mut blocks = Blocks::default();
        for run in ["Ho", "ney", "  keeps\t", "well"] {
            blocks.text(run);
        }
        blocks.start_aside(Aside::End);
        blocks.text("A note.");
        blocks.end_aside("");
        blocks.text(".");
        blocks.end_paragraph(None);
        blocks.start_table();
        for row in [["a", "b"], ["", "d"]] {
            for cell in row {
                blocks.text(cell);
                blocks.end_cell();
            }
            blocks.end_row();
        }
        blocks.end_table();
        blocks.text("End");
        blocks.end_paragraph(Some(1));
        assert_eq!(blocks.first_heading(), Some("End"));
        assert_eq!(
            blocks.finish(),
            "Honey keeps well.\n\na | b\nd\n\nEnd\n\nA note.\n"
        );
    }

    #[test]
    fn a_table_with_one_cell_becomes_paragraphs() {
        let mut blocks = Blocks::default();
        blocks.start_table();
        for text in ["One.", "Two."] {
            blocks.text(text);
            blocks.end_paragraph(None);
        }
        blocks.end_cell();
        blocks.end_row();
        blocks.end_table();
        assert_eq!(blocks.finish(), "One.\n\nTwo.\n");
    }
}
