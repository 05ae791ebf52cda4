import assert from 'node:assert/strict'
import { test } from 'node:test'
import { leftOut } from './left-out.ts'

test('what is missing is named by its path, and nothing else is', () => {
  for (const [sent, answered, expected] of [
    [{ a: 1 }, { a: 2, b: 3 }, []],
    [{ a: { b: 1, c: 2 } }, { a: { b: 1 } }, ['.a.c']],
    [{ a: { b: 1, c: 2 } }, {}, ['.a']],
    [{ a: [{ b: 1 }, { c: 'd' }] }, { a: [{ b: 1 }, { e: 'd' }] }, ['.a.1.c']],
    [{ a: [{}], b: '', c: 0, d: false, e: null, f: { g: {} } }, {}, []],
    [{ a: 'b' }, undefined, ['']],
  ] as const) {
    assert.deepEqual(leftOut(sent, answered), expected, JSON.stringify(sent))
  }
})
