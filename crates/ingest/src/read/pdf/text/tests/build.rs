//! Builds small PDFs for the tests.

/// A PDF under construction. Objects are numbered from 1; the first is the catalog and the second
/// the page tree.
pub struct Builder {
    objects: Vec<Vec<u8>>,
    pages: Vec<usize>,
    catalog: String,
    fonts: String,
    info: String,
}

impl Builder {
    pub fn new() -> Self {
        let mut new = Self {
            objects: vec![Vec::new(), Vec::new()],
            pages: Vec::new(),
            catalog: String::new(),
            fonts: String::new(),
            info: String::new(),
        };
        new.font(
            "F1",
            "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        );
        new
    }

    /// Adds an object and returns its number.
    pub fn object(&mut self, body: impl AsRef<[u8]>) -> usize {
        self.objects.push(body.as_ref().to_vec());
        self.objects.len()
    }

    pub fn stream(&mut self, entries: &str, data: impl AsRef<[u8]>) -> usize {
        let data = data.as_ref();
        let mut body = format!("<< /Length {} {entries} >>\nstream\n", data.len()).into_bytes();
        body.extend_from_slice(data);
        body.extend_from_slice(b"\nendstream");
        self.object(body)
    }

    /// Adds a font to the resources of all following pages.
    pub fn font(&mut self, name: &str, body: &str) {
        let number = self.object(body);
        self.fonts.push_str(&format!("/{name} {number} 0 R "));
    }

    pub fn page(&mut self, content: impl AsRef<[u8]>) -> &mut Self {
        self.page_with("", "", content)
    }

    /// Adds a page with additional entries in its dictionary and its resources.
    pub fn page_with(
        &mut self,
        entries: &str,
        resources: &str,
        content: impl AsRef<[u8]>,
    ) -> &mut Self {
        let content = self.stream("", content);
        let fonts = self.fonts.clone();
        let page = self.object(format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {content} 0 R {entries} \
             /Resources << /Font << {fonts} >> {resources} >> >>"
        ));
        self.pages.push(page);
        self
    }

    pub fn catalog(&mut self, entries: &str) -> &mut Self {
        self.catalog.push_str(entries);
        self
    }

    pub fn info(&mut self, entries: &str) -> &mut Self {
        self.info.push_str(entries);
        self
    }

    pub fn build(&self) -> Vec<u8> {
        let kids: String = self.pages.iter().map(|p| format!("{p} 0 R ")).collect();
        let mut objects = self.objects.clone();
        objects[0] = format!("<< /Type /Catalog /Pages 2 0 R {} >>", self.catalog).into_bytes();
        objects[1] = format!(
            "<< /Type /Pages /Kids [{kids}] /Count {} >>",
            self.pages.len()
        )
        .into_bytes();
        objects.push(format!("<< {} >>", self.info).into_bytes());
        let mut pdf = b"%PDF-1.7\n".to_vec();
        let mut offsets = Vec::new();
        for (at, object) in objects.iter().enumerate() {
            offsets.push(pdf.len());
            pdf.extend(format!("{} 0 obj\n", at + 1).bytes());
            pdf.extend(object);
            pdf.extend(b"\nendobj\n");
        }
        let xref = pdf.len();
        pdf.extend(format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).bytes());
        offsets
            .iter()
            .for_each(|o| pdf.extend(format!("{o:010} 00000 n \n").bytes()));
        let (size, info) = (objects.len() + 1, objects.len());
        pdf.extend(
            format!("trailer\n<< /Size {size} /Root 1 0 R /Info {info} 0 R >>\nstartxref\n{xref}\n%%EOF\n").bytes(),
        );
        pdf
    }
}

/// A content stream with lines of text at the given positions.
pub fn show(lines: &[(f64, f64, &str)]) -> String {
    lines
        .iter()
        .map(|(x, y, text)| format!("BT /F1 12 Tf {x} {y} Td ({text}) Tj ET\n"))
        .collect()
}
