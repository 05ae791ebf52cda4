import { isAlias, isMap, isScalar, isSeq, visit } from 'yaml'
import type { Document, Node, ParsedNode } from 'yaml'

export type ParsedDocument = Document.Parsed<ParsedNode>

/** Where in the text a field stands: its key, or the nearest thing above it that exists. */
export function offsetOf(document: ParsedDocument, path: readonly (string | number)[]): number {
  let node: Node | undefined = document.contents ?? undefined
  let offset = node?.range?.[0] ?? document.range[0]
  for (const part of path) {
    const step = stepInto(isAlias(node) ? node.resolve(document) : node, part)
    if (step === undefined) break
    offset = step.offset ?? offset
    node = step.node
  }
  return offset
}

function stepInto(
  node: Node | undefined,
  part: string | number,
): { node: Node | undefined; offset: number | undefined } | undefined {
  if (isMap(node)) {
    const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(part))
    if (!isScalar(pair?.key)) return undefined
    return { node: asNode(pair.value), offset: pair.key.range?.[0] }
  }
  if (!isSeq(node)) return undefined
  const item = asNode(node.items[Number(part)])
  return { node: item, offset: item?.range?.[0] }
}

function asNode(value: unknown): Node | undefined {
  return isMap(value) || isSeq(value) || isScalar(value) || isAlias(value) ? value : undefined
}

/** The aliases that nothing before them is anchored for, which the parser lets pass. */
export function danglingAliases(document: ParsedDocument): readonly { name: string; offset: number }[] {
  const dangling: { name: string; offset: number }[] = []
  visit(document, {
    Alias(_key, alias) {
      if (alias.resolve(document) !== undefined) return
      dangling.push({ name: alias.source, offset: alias.range?.[0] ?? document.range[0] })
    },
  })
  return dangling
}
