// Translators in browsers replace the page's text nodes by elements of their own. Preact then removes nodes that are
// gone, or inserts next to them: that must not stop it. Texts that change stand in elements with keys, so that they
// are made anew.

const { insertBefore, removeChild } = Node.prototype;

Node.prototype.insertBefore = function <T extends Node>(this: Node, node: T, next: Node | null): T {
  return insertBefore.call(this, node, next?.parentNode === this ? next : null) as T;
};

Node.prototype.removeChild = function <T extends Node>(this: Node, node: T): T {
  return node.parentNode === this ? removeChild.call(this, node) as T : node;
};
