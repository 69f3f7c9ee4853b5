use crate::Kind;
use crate::testing::read_single;

#[test]
fn markup_becomes_text() {
    let rst = "\
.. comment, not
   to be read

=======
On bees
=======

:Author: Anna
:Date: 2024-03-05

.. |h| replace:: honey
.. _target: http://x

Keeping |h|
-----------

See :py:func:`~os.walk`, :ref:`the page <page>`, `a link <http://x>`_, ``*code*`` and **bold**\\ s [1]_::

    verbatim *text*

.. note:: Mind *the* bees.

   They sting.

.. code-block:: python
   :linenos:

   x = 1

.. image:: bee.png
   :alt: gone

+-----+-----+
| a   | b   |
|     | c   |
+=====+=====+
| 1   | 2   |
+-----+-----+

=====  ====
Name   Size
=====  ====
Anna   ten
       more
Bert   5
=====  ====

.. [1] The note.
";
    let document = read_single(Kind::Rst, rst.as_bytes());
    assert_eq!(document.title.as_deref(), Some("On bees"));
    assert_eq!(
        document.text,
        "On bees\n\nKeeping honey\n\nSee os.walk, the page, a link, *code* and bolds :\n\nverbatim *text*\n\nMind the bees.\n\nThey sting.\n\n\
         x = 1\n\na | b c\n1 | 2\n\nName | Size\nAnna | ten more\nBert | 5\n\nThe note."
    );
    assert_eq!(
        document.metadata,
        [
            ("author".into(), "Anna".into()),
            ("date".into(), "2024-03-05".into())
        ]
    );
}
