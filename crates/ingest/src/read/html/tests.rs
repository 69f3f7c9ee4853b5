use super::{Page, extract};

fn text(html: &str) -> String {
    extract(html).text
}

fn title(html: &str) -> String {
    extract(html).title
}

fn fact(page: &Page, key: &str) -> Option<String> {
    page.metadata
        .iter()
        .find(|(name, _)| *name == key)
        .map(|(_, value)| value.clone())
}

/// Enough running text to make an article of a page.
fn prose() -> String {
    "<p>Peat forms where plants die faster than they rot, so a bog grows by about a millimetre in a year, and a layer \
     of two metres is older than any building in the village beside it.</p>"
        .repeat(8)
}

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
fn what_a_click_opens_is_content() {
    let html = format!(
        "<main><h1>Help</h1>{}<h3><button aria-expanded=false>May I return it?</button></h3><div hidden>Within a week.</div>\
         <div aria-hidden=true style='display:none'>Unopened only.</div><details><summary>Whom to ask</summary>The porter.</details>\
         <div role=tablist><button role=tab>Prices</button></div><div role=tabpanel hidden>Two crowns.</div></main>",
        prose()
    );
    let text = text(&html);
    for part in [
        "May I return it?",
        "Within a week.",
        "Unopened only.",
        "Whom to ask",
        "The porter.",
        "Prices",
        "Two crowns.",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_page_in_a_form_is_content() {
    let html = format!(
        "<body><form action=default.aspx><input type=hidden value=secret><h1>Bogs</h1>{}\
        <fieldset><legend>Size</legend><label>Width</label><select><option>narrow<option>wide</select></fieldset><textarea>typed</textarea></form>",
        prose()
    );
    let text = text(&html);
    for part in ["Bogs", "Peat forms", "Size", "Width", "narrow\nwide"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(
        !text.contains("secret") && !text.contains("typed"),
        "{text}"
    );
}

#[test]
fn furniture_is_left_out() {
    let html = format!(
        "<body><a class=skip href=#m>Skip to main content</a><div id=cookie-banner><p>We use cookies to make this site work \
         and to learn how it is read by its readers.</p><button>Accept</button></div><header><a href=/>Site</a><nav><a href=/a>Rivers</a></nav></header>\
         <ol class=breadcrumb><li><a href=/>Start</a><li><a href=/b>Lakes</a></ol><div role=navigation><a href=/c>Ponds</a></div>\
         <div id=m><h1>Bogs<a class=headerlink href=#bogs>¶</a></h1>{}<div class=share-bar><a href=f>Facebook</a> <a href=t>Twitter</a></div></div>\
         <div><a href=p>Previous</a> | <a href=n>Next</a></div><script>track()</script><style>p{{}}</style><template>Later</template>\
         <svg><title>Icon</title><text>drawn</text></svg><!-- said aside --><footer>All rights reserved</footer>",
        prose()
    );
    let text = text(&html);
    assert!(text.starts_with("Bogs\n\nPeat forms"), "{text}");
    assert!(text.ends_with("beside it."), "{text}");
}

#[test]
fn a_name_alone_takes_no_text_away() {
    // Words of class names that also name furniture; the text reads as text.
    for class in [
        "share-price",
        "social-history",
        "related-work",
        "menu-of-the-day",
        "advert-theory",
        "sidebar",
        "newsletter",
    ] {
        let html = format!(
            "<body><h1>Bogs</h1><div class={class}>{}</div></body>",
            prose()
        );
        assert!(text(&html).contains("Peat forms"), "{class}");
    }
    let html = format!(
        "<body class='has-sidebar nav-open'><section id=the-social-history-of-bogs><h2>People</h2>{}</section></body>",
        prose()
    );
    assert!(text(&html).contains("Peat forms"));
    assert!(
        text("<pre><span class=comment>// See <a href=x>boost</a></span>\nx</pre>")
            .contains("boost")
    );
}

#[test]
fn a_list_of_contents_repeats_the_headings_and_goes() {
    let list = |file: &str| {
        format!(
            "<ul><li><a href='{file}#a'>Water</a><li><a href='{file}#b'>Moss</a><li><a href='{file}#c'>Time</a></ul>"
        )
    };
    let parts = format!(
        "<h2 id=a>Water</h2>{0}<h2 id=b>Moss</h2>{0}<h2 id=c>Time</h2>{0}",
        prose()
    );
    assert_eq!(
        text(&format!("<h1>Bogs</h1><div>{}</div>{parts}", list("")))
            .matches("Water")
            .count(),
        1
    );
    // Of other pages it is what this page says.
    assert!(
        text(&format!(
            "<h1>Bogs</h1>{}<div>{}</div>",
            prose(),
            list("other.html")
        ))
        .contains("- Moss")
    );
}

#[test]
fn comments_go_where_there_is_an_article() {
    let comment =
        "<p>I walked there for years and never once got my feet dry, whatever the season was.</p>";
    let html = format!(
        "<article><h1>Bogs</h1>{}</article><div id=comments>{comment}</div>",
        prose()
    );
    assert!(!text(&html).contains("feet dry"));
    assert!(
        text(&format!(
            "<h1>Thread</h1><div id=comments>{comment}{comment}</div>"
        ))
        .contains("feet dry")
    );
}

#[test]
fn nothing_else_is_better_than_nothing() {
    assert_eq!(
        text("<nav><a href=a>Rivers</a> <a href=b>Lakes</a></nav>"),
        "Rivers Lakes"
    );
    assert_eq!(
        text("<body><script>x</script><noscript><p>Turn it on.</p></noscript>"),
        "Turn it on."
    );
    assert_eq!(
        text("<p>Text.</p><noscript>Turn it on.</noscript>"),
        "Text."
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

#[test]
fn a_title_is_kept_whole() {
    assert_eq!(
        title("<title>Bogs: a history</title><h1>Bogs</h1>"),
        "Bogs: a history"
    );
    assert_eq!(
        title("<title>Bogs \n &mdash; The  Moss Book</title><h1>Bogs</h1>"),
        "Bogs — The Moss Book"
    );
}

#[test]
fn a_title_loses_only_the_name_of_its_site() {
    let site = "<meta property=og:site_name content='The Moss Book'>";
    assert_eq!(
        title(&format!(
            "{site}<title>Bogs: a history | The Moss Book</title>"
        )),
        "Bogs: a history"
    );
    assert_eq!(
        title(&format!("{site}<title>The Moss Book - Bogs</title>")),
        "Bogs"
    );
    assert_eq!(
        title(&format!("{site}<title>Bogs | Another book</title>")),
        "Bogs | Another book"
    );
    assert_eq!(title("<title>Bogs | Bogs</title>"), "Bogs");
}

#[test]
fn a_heading_stands_in_where_it_says_more() {
    assert_eq!(
        title("<body><h1>How <em>bogs</em><br>grow</h1>"),
        "How bogs grow"
    );
    assert_eq!(
        title("<title>Untitled Document</title><h1>How bogs grow</h1>"),
        "How bogs grow"
    );
    assert_eq!(
        title("<title>How bogs…</title><h1>How bogs grow</h1>"),
        "How bogs grow"
    );
    assert_eq!(
        title("<meta property=og:title content='Bogs'><p>Text."),
        "Bogs"
    );
    assert_eq!(title("<svg><title>Icon</title></svg><p>Text."), "");
}

#[test]
fn facts_about_a_page() {
    let page = extract(
        "<html lang=en-GB><meta name=author content='Ada Berg'><meta name=author content='Carl Dahl'>\
         <meta property=og:site_name content='The Moss Book'><meta name=description content='On peat.'>\
         <meta property=article:published_time content='2024-03-01T10:00+01:00'><p>Text.",
    );
    let expected = [
        ("author", "Ada Berg, Carl Dahl"),
        ("site", "The Moss Book"),
        ("language", "en-GB"),
        ("published", "2024-03-01T10:00+01:00"),
        ("description", "On peat."),
    ];
    assert_eq!(
        page.metadata,
        expected.map(|(key, value)| (key, value.to_owned()))
    );

    let page = extract(
        r#"<script type="application/ld+json">{"@graph": [{"@type": "WebSite", "name": "Moss"}, {"@type": "NewsArticle",
        "author": [{"name": "Ada Berg"}, "Carl Dahl"], "datePublished": "2024-03-01"}]}</script><p>Text."#,
    );
    assert_eq!(
        fact(&page, "author").as_deref(),
        Some("Ada Berg, Carl Dahl")
    );
    assert_eq!(fact(&page, "site").as_deref(), Some("Moss"));
    assert_eq!(fact(&page, "published").as_deref(), Some("2024-03-01"));

    let page = extract(
        "<h3 class=author><span>Ada</span> <span>Berg</span></h3><h3 class=author>Carl Dahl</h3><p>Text.",
    );
    assert_eq!(
        fact(&page, "author").as_deref(),
        Some("Ada Berg, Carl Dahl")
    );
    assert_eq!(
        extract("<script type='application/ld+json'>{broken</script><p>Text.").metadata,
        []
    );
}

#[test]
fn a_page_that_is_no_page_is_read_all_the_same() {
    for html in [
        "",
        " ",
        "<",
        "<html",
        "<p",
        "</p>",
        "<!--",
        "<![CDATA[",
        "<table><td><table>",
        "\u{0}",
        "&#xD800;",
        "<a <b <c",
    ] {
        extract(html);
    }
    assert_eq!(text("one <b>two<p>three</b> four"), "one two\n\nthree four");
    assert_eq!(text("<table>oak<tr>elm<td>ash</table>"), "oakelm\n\nash");
}

/// A hundred thousand levels of each, and long pages without any; seconds would mean that time
/// grows by the square.
#[test]
fn depth_and_length_cost_no_more_than_they_must() {
    let begun = std::time::Instant::now();
    for name in [
        "div",
        "b",
        "ul><li",
        "table><tr><td",
        "blockquote",
        "span",
        "a href=x",
        "ruby",
        "sup",
        "x-y",
        "svg",
        "math",
        "font size=1",
        "nav",
        "pre",
        "q",
    ] {
        let html = format!("{}deep<p>words", format!("<{name}>").repeat(100_000));
        let page = extract(&html);
        assert!(name == "svg" || page.text.contains("deep"), "{name}");
    }
    extract(&"<div><a href=x>Next</a>".repeat(50_000));
    extract(&"<p>word <sup>1</sup><ul><li>item<table><tr><td>cell</table>".repeat(20_000));
    let page = extract(&format!("{}end", "<div>oak</div>".repeat(100_000)));
    assert!(page.text.ends_with("oak\n\nend"));
    assert!(begun.elapsed().as_secs() < 60, "{:?}", begun.elapsed());
}

#[test]
fn text_below_the_deepest_level_keeps_its_words_apart() {
    let text = text(&format!(
        "{}oak<div>elm</div>ash<p>yew",
        "<div>".repeat(600)
    ));
    assert_eq!(
        text.split_whitespace().collect::<Vec<_>>(),
        ["oak", "elm", "ash", "yew"]
    );
}

/// Tags in any order, from a fixed seed: nothing panics, and every word of a letter and a number
/// comes out whole.
#[test]
fn any_soup_of_tags_is_read() {
    const NAMES: [&str; 30] = [
        "div",
        "p",
        "b",
        "a href=x",
        "table",
        "tr",
        "td",
        "ul",
        "li",
        "dl",
        "dt",
        "dd",
        "pre",
        "sup",
        "ruby",
        "rt",
        "rp",
        "q",
        "form",
        "select",
        "option",
        "h1",
        "h2",
        "nav",
        "svg",
        "math",
        "template",
        "span style=display:block",
        "article",
        "body",
    ];
    let mut state = 7u64;
    let mut next = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for _ in 0..500 {
        let mut html = String::new();
        for at in 0..60 {
            let name = NAMES[next(NAMES.len())];
            match next(3) {
                0 => html.push_str(&format!("<{name}>")),
                1 => html.push_str(&format!("</{}>", name.split(' ').next().unwrap_or(name))),
                _ => html.push_str(&format!("\u{a0}wört{at} ")),
            }
        }
        let text = text(&html);
        for word in text
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| word.starts_with('w'))
        {
            assert!(
                word.strip_prefix("wört")
                    .is_some_and(|number| number.parse::<u8>().is_ok()),
                "{word}: {html}"
            );
        }
    }
}

mod files {
    use crate::Format;
    use crate::read::testing::read_bytes;

    #[test]
    fn a_page_is_read_in_the_encoding_that_it_declares() {
        let page = "<meta charset=windows-1251><title>Маяк</title><p>Маяк стоит на мысе.";
        let (bytes, ..) = encoding_rs::WINDOWS_1251.encode(page);
        let (articles, notes) = read_bytes("a.html", Format::Html, &bytes);
        assert!(notes.is_empty(), "{notes:?}");
        assert_eq!(
            (articles[0].title.as_str(), articles[0].text.trim()),
            ("Маяк", "Маяк стоит на мысе.")
        );
    }

    #[test]
    fn a_page_without_a_title_is_called_after_its_file() {
        let (articles, _) = read_bytes("tall-trees.html", Format::Html, b"<p>They grow.");
        assert_eq!(articles[0].title, "tall trees");
    }

    #[test]
    fn a_page_without_text_is_an_error() {
        let (articles, errors) = read_bytes(
            "a.html",
            Format::Html,
            b"<html><head><title>T</title></head></html>",
        );
        assert!(articles.is_empty());
        assert_eq!(errors, ["a.html: no text in it"]);
    }
}

#[test]
fn parts_marked_for_search_engines_to_skip_are_left_out() {
    for marked in [
        "<div class=nosearch>",
        "<div class='box robots-nocontent'>",
        "<div data-nosnippet>",
        "<div data-pagefind-ignore=all>",
        "<div data-swiftype-index=false>",
    ] {
        let page = format!(
            "<h1>Bogs</h1>{marked}Small. Fast. Choose any.</div>{}",
            prose()
        );
        let text = text(&page);
        assert!(
            !text.contains("Choose") && text.contains("Peat"),
            "{marked}: {text}"
        );
    }
    let kept = text(&format!(
        "<h1>Bogs</h1><div data-nosnippet>{}</div>",
        prose()
    ));
    assert!(kept.contains("Peat"), "most of the page stays: {kept}");
    let kept = text(&format!(
        "<h1>Bogs</h1><div data-pagefind-ignore=false>Small.</div>{}",
        prose()
    ));
    assert!(kept.contains("Small"), "{kept}");
}
