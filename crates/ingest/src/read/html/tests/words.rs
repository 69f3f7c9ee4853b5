//! Where words and lines end.

use super::text;

#[test]
fn every_element_that_is_not_inline_ends_a_word() {
    for name in [
        "dt",
        "dd",
        "figcaption",
        "figure",
        "main",
        "header",
        "address",
        "summary",
        "details",
        "caption",
        "legend",
        "fieldset",
        "hgroup",
        "menu",
        "dir",
        "option",
        "td",
        "th",
        "div",
        "p",
        "section",
        "article",
        "aside",
        "footer",
        "center",
        "button",
        "label",
        "x-part",
        "unheard",
    ] {
        let inside = match name {
            "td" | "th" => {
                format!("<table><tr><{name}>oak</{name}><{name}>elm</{name}></tr></table>")
            }
            "caption" => "<table><caption>oak</caption><tr><td>elm</table>".to_owned(),
            "option" => "<select><option>oak</option><option>elm</option></select>".to_owned(),
            "dt" | "dd" => format!("<dl><{name}>oak</{name}><{name}>elm</{name}></dl>"),
            _ => format!("<{name}>oak</{name}><{name}>elm</{name}>"),
        };
        let text = text(&format!("<body>{inside}ash<{name}>yew</{name}>fir</body>"));
        assert!(!text.replace("oakelm", "!").contains('!'), "{name}: {text}");
        for glued in ["elmash", "ashyew", "yewfir"] {
            let is_table_part = matches!(name, "td" | "th" | "caption" | "option");
            assert!(is_table_part || !text.contains(glued), "{name}: {text}");
        }
    }
    assert_eq!(text("<p>oak<br>elm<hr>ash</p>"), "oak\nelm\n\nash");
}

#[test]
fn an_inline_element_never_tears_a_word() {
    assert_eq!(
        text(
            "<p>un<b>believ</b>able in<i>com</i><wbr>parable re<!-- note -->mark<a href=x>able</a> wa&shy;ter</p>"
        ),
        "unbelievable incomparable remarkable wa\u{ad}ter"
    );
    assert_eq!(
        text("<p><code>get<span class=k>Item</span></code><span>s</span></p>"),
        "getItems"
    );
}

#[test]
fn a_style_that_makes_a_block_of_a_span_ends_a_word() {
    let html = "<p><span style='color:red; display: block'>oak</span><span style=display:inline-block>elm</span>ash</p>";
    assert_eq!(text(html), "oak\n\nelm ash");
}

#[test]
fn names_side_by_side_stay_two() {
    assert_eq!(
        text("<div><span class=a>Ada Berg</span><span class=a>Carl Dahl</span></div>"),
        "Ada Berg Carl Dahl"
    );
    assert_eq!(
        text("<div><a href=1>Ada Berg</a><a href=2>Carl Dahl</a></div>"),
        "Ada Berg Carl Dahl"
    );
    assert_eq!(
        text("<div><a href=1>MOSS</a><a href=2>wet land</a>s</div>"),
        "MOSS wet lands"
    );
    assert_eq!(
        text("<code><a href=1>Map</a><a href=2>Key</a></code>"),
        "MapKey"
    );
}

#[test]
fn powers_marks_and_ordinals() {
    for (html, expected) in [
        ("about 10<sup>6</sup> cells", "about 10^6 cells"),
        ("5 m<sup>2</sup>, (a+b)<sup>3</sup>", "5 m^2, (a+b)^3"),
        ("x<sup>n</sup> and A<sup>T</sup>", "x^n and A^T"),
        (
            "the 21<sup>st</sup> of M<sup>lle</sup> Roux",
            "the 21st of Mlle Roux",
        ),
        (
            "lexp<sup>i</sup>, the XIX<sup>e</sup> siècle, n<sup>o</sup> 5",
            "lexp^i, the XIXe siècle, no 5",
        ),
        (
            "a claim<sup><a href=#n1>1</a></sup>, then",
            "a claim 1, then",
        ),
        (
            "a claim<sup><a href=#n1>[1]</a></sup><sup><a href=#n2>[2]</a></sup>then",
            "a claim [1] [2] then",
        ),
        (
            "in the year 1999<sup><a href=#n3>3</a></sup>.",
            "in the year 1999 3.",
        ),
        ("plain words<sup>7</sup> go on", "plain words 7 go on"),
        ("Acme<sup>TM</sup> glue", "Acme TM glue"),
        ("CO<sub>2</sub> and H<sub>2</sub>O", "CO2 and H2O"),
    ] {
        assert_eq!(text(&format!("<p>{html}</p>")), expected, "{html}");
    }
}

#[test]
fn a_reading_stands_after_its_word() {
    let html = "<p>私は<ruby>東<rp>(</rp><rt>とう</rt><rp>)</rp>京<rp>(</rp><rt>きょう</rt><rp>)</rp></ruby>に住む。</p>";
    assert_eq!(text(html), "私は東京(とうきょう)に住む。");
}

#[test]
fn preformatted_text_keeps_its_lines() {
    assert_eq!(
        text("<p>Run:</p><pre>\nif a:\n    <b>print</b>(b)\n\n\tend  \n</pre><p>Done.</p>"),
        "Run:\n\nif a:\n    print(b)\n\n\tend\n\nDone."
    );
    assert_eq!(
        text("<pre><code><div>one</div><div>  two</div></code></pre>"),
        "one\n  two"
    );
}

#[test]
fn white_space_collapses_as_on_the_screen() {
    assert_eq!(
        text("<p> one\n\t two <b> three</b>\u{a0}four </p>\n<p>&nbsp;</p><p>5&nbsp;km</p>"),
        "one two three\u{a0}four\n\n5\u{a0}km"
    );
    assert_eq!(
        text("<p>&lt;b&gt; &amp;amp; &eacute;&#x1F41D;</p>"),
        "<b> &amp; é🐝"
    );
}

#[test]
fn tables_have_a_line_for_each_row() {
    let html = "<p>Before.</p><table><caption>Trees</caption><thead><tr><th>Name<th>Height<th></tr></thead><tbody>\
                <tr><td><p>Oak</p><td>30<br>metres<td><tr><td></td><td>20</td><td>old</td></tr></tbody></table>After.";
    assert_eq!(
        text(html),
        "Before.\n\nTrees\nName | Height\nOak | 30 metres\n| 20 | old\n\nAfter."
    );
}

#[test]
fn a_table_for_layout_is_no_table() {
    let html = "<table><tr><td><h1>Bogs</h1><p>One.</p><p>Two.</p></td><td><table><tr><td>a<td>b</table></td></tr></table>";
    assert_eq!(text(html), "Bogs\n\nOne.\n\nTwo.\n\na | b");
}

#[test]
fn lists_have_a_line_for_each_item() {
    let html = "<p>Take:<ul><li><p>flour</p><li>salt<ol start=3><li>fine<li>coarse</ol></ul><dl><dt>Yeast<dd><p>Dry.</p><dt>Oil</dl>";
    assert_eq!(
        text(html),
        "Take:\n\n- flour\n- salt\n3. fine\n4. coarse\n\nYeast\nDry.\n\nOil"
    );
}

#[test]
fn a_description_of_an_image_stands_in_its_place() {
    let alt = "A walker up to the knees in a bog";
    assert_eq!(
        text(&format!(
            "<p>See <img src=a alt='{alt}'>, or <img alt=icon>.</p>"
        )),
        format!("See {alt}, or .")
    );
    assert_eq!(
        text(&format!(
            "<figure><img alt='{alt}'><figcaption>Wet feet.</figcaption></figure>"
        )),
        "Wet feet."
    );
}
