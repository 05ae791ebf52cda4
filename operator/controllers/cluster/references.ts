/** Who refers to whom, by key, so that a change of one finds those that depend on it without looking at all. */
export class References {
  readonly #target = new Map<string, string>()
  readonly #sources = new Map<string, Set<string>>()

  /** Says what an object refers to now, undefined where nothing; returns what it referred to before. */
  set(source: string, target: string | undefined): string | undefined {
    const before = this.#target.get(source)
    if (before === target) return before
    if (before !== undefined) this.#remove(before, source)
    if (target === undefined) this.#target.delete(source)
    else {
      this.#target.set(source, target)
      this.#add(target, source)
    }
    return before
  }

  /** The objects that refer to this one. */
  to(target: string): ReadonlySet<string> {
    return this.#sources.get(target) ?? new Set()
  }

  #add(target: string, source: string): void {
    const sources = this.#sources.get(target)
    if (sources === undefined) this.#sources.set(target, new Set([source]))
    else sources.add(source)
  }

  #remove(target: string, source: string): void {
    const sources = this.#sources.get(target)
    sources?.delete(source)
    if (sources?.size === 0) this.#sources.delete(target)
  }
}
