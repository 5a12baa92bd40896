// The hash of a Merkle tree (RFC 9162, section 2.1.1, SHA-256), one leaf after the other, in memory that grows with the logarithm of their number.
import { hash } from 'node:crypto';

export const leafHash = (entry: string): Buffer => hash('sha256', `\0${entry}`, 'buffer');

const nodeHash = (left: Buffer, right: Buffer): Buffer => {
  node[0] = 1;
  left.copy(node, 1);
  right.copy(node, 33);
  return hash('sha256', node, 'buffer');
};
const node = Buffer.alloc(65);

export class MerkleTree {
  /** The roots of the complete subtrees so far, the largest first: one for each bit that is set in `size`. */
  private readonly roots: Buffer[] = [];
  private leaves = 0;

  get size(): number {
    return this.leaves;
  }

  add(leaf: Buffer): void {
    let root = leaf;
    // As many subtrees are completed as the number of leaves so far ends in ones.
    for (let bits = this.leaves; bits % 2 === 1; bits = (bits - 1) / 2) root = nodeHash(this.roots.pop() ?? root, root);
    this.roots.push(root);
    this.leaves += 1;
  }

  root(): Buffer {
    const [last, ...rest] = this.roots.toReversed();
    if (!last) return hash('sha256', '', 'buffer');
    return rest.reduce((right, left) => nodeHash(left, right), last);
  }
}
