/** The Huffman code of RFC 7541 appendix B, decoded four bits at a time. */

/** Bits of the code of each byte; the code is canonical, so lengths are all that it needs. The 257th is the end mark. */
const LENGTHS: readonly number[] = [
  ...[13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28],
  ...[28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15],
  ...[6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6],
  ...[15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22],
  ...[20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23],
  ...[23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22],
  ...[22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26],
  ...[27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27],
  ...[26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30],
];
const END_MARK = 256;
const LONGEST = 30;

/** In a table entry: the low byte is the next node, then a flag for an emitted byte, the byte, and a flag for an error. */
const EMITS = 0x100;
const SYMBOL_SHIFT = 9;
const FAILS = 0x20000;

interface Node {
  readonly id: number;
  readonly branches: (Node | number | undefined)[];
  /** Whether the text may end here: fewer than eight bits of the end mark, which are all ones. */
  readonly mayEnd: boolean;
}

const nodes: Node[] = [];

function newNode(mayEnd: boolean): Node {
  const node: Node = { id: nodes.length, branches: [undefined, undefined], mayEnd };
  nodes.push(node);
  return node;
}

function insert(root: Node, code: number, length: number, symbol: number): void {
  let node = root;
  for (let bit = length - 1; bit > 0; bit--) {
    const branch = (code >>> bit) & 1;
    let next = node.branches[branch];
    if (typeof next !== "object") {
      next = newNode(node.mayEnd && branch === 1 && length - bit <= 7);
      node.branches[branch] = next;
    }
    node = next;
  }
  node.branches[code & 1] = symbol;
}

function step(root: Node, from: Node, nibble: number): number {
  let node = from;
  let emitted = 0;
  for (let bit = 3; bit >= 0; bit--) {
    const next = node.branches[(nibble >>> bit) & 1];
    if (next === undefined || next === END_MARK) return FAILS;
    if (typeof next === "number") {
      emitted = EMITS | (next << SYMBOL_SHIFT);
      node = root;
    } else node = next;
  }
  return emitted | node.id;
}

function buildTable(): { readonly table: Int32Array; readonly mayEnd: Uint8Array } {
  const root = newNode(true);
  let code = 0;
  for (let length = 1; length <= LONGEST; length++) {
    for (let symbol = 0; symbol <= END_MARK; symbol++)
      if (LENGTHS[symbol] === length) insert(root, code++, length, symbol);
    code <<= 1;
  }
  const table = new Int32Array(nodes.length * 16);
  for (const node of nodes)
    for (let nibble = 0; nibble < 16; nibble++) table[node.id * 16 + nibble] = step(root, node, nibble);
  const mayEnd = Uint8Array.from(nodes, (node) => (node.mayEnd ? 1 : 0));
  nodes.length = 0;
  return { table, mayEnd };
}

/** Made for the first text in this code, which our own agents never send: making it is work enough to start the compilers. */
let tables: ReturnType<typeof buildTable> | undefined;

/**
 * Decodes `bytes` from `from` to `to` into `out`, which must have room for 8/5 of their number.
 * @returns where the decoded text ends in `out`, or -1: it is no text in this code, or badly padded (RFC 7541 section 5.2)
 */
export function decodeHuffman(bytes: Buffer, from: number, to: number, out: Buffer, outFrom: number): number {
  tables ??= buildTable();
  const { table, mayEnd } = tables;
  let node = 0;
  let at = outFrom;
  for (let p = from; p < to; p++) {
    const byte = bytes[p] as number;
    const first = table[node * 16 + (byte >>> 4)] as number;
    if ((first & EMITS) !== 0) out[at++] = (first >>> SYMBOL_SHIFT) & 0xff;
    const second = table[(first & 0xff) * 16 + (byte & 0xf)] as number;
    if ((second & EMITS) !== 0) out[at++] = (second >>> SYMBOL_SHIFT) & 0xff;
    if (((first | second) & FAILS) !== 0) return -1;
    node = second & 0xff;
  }
  return mayEnd[node] === 1 ? at : -1;
}
