import assert from 'node:assert/strict'
import { test } from 'node:test'

import { decode, encode } from 'dns-packet'

import { answerQuery } from './dns-server.ts'

test('every name has the address 127.0.0.1', () => {
  const question = { type: 'A', name: 'host.bench.test', class: 'IN' } as const
  const answer = decode(answerQuery(encode({ type: 'query', id: 4711, flags: 0x0100, questions: [question] }))!)
  assert.equal(answer.id, 4711)
  assert.deepEqual(answer.questions, [question])
  assert.equal(answer.answers?.length, 1)
  assert.partialDeepStrictEqual(answer.answers?.[0], { type: 'A', name: 'host.bench.test', data: '127.0.0.1' })
})

test('no name has anything else, and an EDNS record in the query does no harm', () => {
  const answer = decode(
    answerQuery(
      encode({
        type: 'query',
        id: 1,
        questions: [{ type: 'CAA', name: 'host.bench.test' }],
        additionals: [
          {
            type: 'OPT',
            name: '.',
            udpPayloadSize: 4096,
            extendedRcode: 0,
            ednsVersion: 0,
            flags: 0,
            flag_do: false,
            options: [],
          },
        ],
      }),
    )!,
  )
  assert.equal(answer.answers?.length, 0)
  assert.equal(answer.additionals?.length, 0)
  assert.partialDeepStrictEqual(answer, { rcode: 'NOERROR' })
})

test('what is no query gets no answer', () => {
  assert.equal(answerQuery(new Uint8Array(0)), undefined)
  assert.equal(answerQuery(new Uint8Array(12)), undefined)
  assert.equal(answerQuery(new Uint8Array(40).fill(0xff)), undefined)
})
