/** This machine can't be a node as it is; the message says why, and what can be done. */
export class NodeUnfit extends Error {}
