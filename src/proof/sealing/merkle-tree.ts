// A Merkle tree's root hash (RFC 9162, section 2.1.1, SHA-256), computed leaf by leaf. Memory grows with the logarithm of the number of leaves.
import { hash } from 'node:crypto';

/** 32 bytes, one character each (latin1). A buffer's memory is mostly outside the heap, and is freed late. */
export type Hash = string;
export const hexOf = (hashed: Hash): string => Buffer.from(hashed, 'latin1').toString('hex');

export const leafHash = (entry: string): Hash => hash('sha256', `\0${entry}`, 'binary');

const nodeHash = (left: Hash, right: Hash): Hash => {
  node.write(left, 1, 'latin1');
  node.write(right, 33, 'latin1');
  return hash('sha256', node, 'binary');
};
const node = Buffer.alloc(65, 1);

export class MerkleTree {
  /** The roots of the complete subtrees, largest first: one for each bit set in `size`. */
  private readonly roots: Hash[] = [];
  private leaves = 0;

  get size(): number {
    return this.leaves;
  }

  add(leaf: Hash): void {
    let root = leaf;
    // Completes one subtree for each trailing 1 bit in the number of leaves.
    for (let bits = this.leaves; bits % 2 === 1; bits = (bits - 1) / 2) root = nodeHash(this.roots.pop() ?? root, root);
    this.roots.push(root);
    this.leaves += 1;
  }

  root(): Hash {
    const [last, ...rest] = this.roots.toReversed();
    if (!last) return hash('sha256', '', 'binary');
    return rest.reduce((right, left) => nodeHash(left, right), last);
  }
}
