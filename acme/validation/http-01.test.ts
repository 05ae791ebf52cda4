import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { describe, test, type TestContext } from 'node:test'
import { createServer as createTlsServer } from 'node:https'
import { gzipSync } from 'node:zlib'
import { checkHttp01 } from './http-01.ts'
import { closedPort, listen, problemOf, startTcpServer, testDialer } from './testing/context.ts'
import { startDnsServer, zone } from './testing/dns-server.ts'
import { redirectTo, startHttpServer } from './testing/http-server.ts'
import { selfSignedCertificate } from './testing/certificate.ts'

const token = 'evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA'
const keyAuthorization = `${token}.9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI`
const path = `/.well-known/acme-challenge/${token}`
const unused = 1

const names = zone({ 'A app.test': '127.0.0.1', 'A other.test': '127.0.0.1', 'A inner.test': '10.1.2.3' })

interface CheckOptions {
  http: number
  tls?: number
  signal?: AbortSignal
  dns?: Parameters<typeof startDnsServer>[1]
}

async function check(t: TestContext, { http, tls = unused, signal, dns = names }: CheckOptions): Promise<void> {
  const dnsServer = await startDnsServer(t, dns)
  const deadline = signal ?? new AbortController().signal
  await checkHttp01(
    { dialer: testDialer(dnsServer.address, { signal: deadline }), ports: { http, tls }, signal: deadline },
    {
      type: 'http-01',
      identifier: { type: 'dns', value: 'app.test' },
      token,
      keyAuthorization,
      policy: { resolvers: [], allowedNetworks: [] },
    },
  )
}

async function checkBody(t: TestContext, body: string | Buffer, headers: Record<string, string> = {}): Promise<void> {
  const { port } = await startHttpServer(t, (_request, response) => response.writeHead(200, headers).end(body))
  await check(t, { http: port })
}

async function checkTalk(t: TestContext, talk: (socket: Socket) => void, signal?: AbortSignal): Promise<void> {
  const { port } = await startTcpServer(t, talk)
  await check(t, { http: port, ...(signal === undefined ? {} : { signal }) })
}

/** Writes the text again and again until the peer goes away, as fast as it takes it. */
function flood(socket: Socket, text: string): void {
  const chunk = text.repeat(1000)
  const more = (): void => {
    while (!socket.destroyed && socket.write(chunk));
  }
  socket.on('drain', more)
  more()
}

describe('what is served', () => {
  test('the key authorization is accepted, and asked for by name', async (t) => {
    const server = await startHttpServer(t, (_request, response) => response.end(keyAuthorization))
    await check(t, { http: server.port })
    assert.deepEqual(server.requests, [`app.test ${path}`])
  })

  for (const whitespace of ['\n', '\r\n', ' \t\n\n', ' '.repeat(60_000)]) {
    test(`trailing whitespace is ignored (${whitespace.length} bytes)`, async (t) => {
      await checkBody(t, keyAuthorization + whitespace)
    })
  }

  const wrongBodies: [about: string, body: string | Buffer][] = [
    ['another text', 'secret contents of an inner page'],
    ['nothing', ''],
    ['the token alone', token],
    ['leading whitespace', `\n${keyAuthorization}`],
    ['more after it', `${keyAuthorization}\nmore`],
    ['another case', keyAuthorization.toUpperCase()],
    ['a form feed at its end', `${keyAuthorization}\f`],
  ]
  for (const [about, body] of wrongBodies) {
    test(`${about} is refused without being repeated`, async (t) => {
      const problem = await problemOf(checkBody(t, body))
      assert.equal(problem.type, 'incorrectResponse')
      assert.ok(problem.retry)
      assert.match(problem.detail, /^app\.test served \d+ bytes that are not the key authorization of 87 bytes\.$/)
    })
  }

  for (const status of [201, 204, 206, 304, 400, 401, 403, 404, 418, 500, 503, 300, 305]) {
    test(`the status ${status} is refused`, async (t) => {
      const { port } = await startHttpServer(t, (_request, response) => response.writeHead(status).end())
      const problem = await problemOf(check(t, { http: port }))
      assert.equal(problem.detail, `app.test answered with the HTTP status ${status}, not 200.`)
    })
  }
})

describe('servers that misbehave', () => {
  test('a body beyond the bound is not read on', async (t) => {
    const problem = await problemOf(checkBody(t, keyAuthorization + ' '.repeat(70_000)))
    assert.equal(problem.detail, 'app.test sent a body of more than 65536 bytes.')
  })

  test('an endless body is cut', async (t) => {
    const problem = await problemOf(
      checkTalk(t, (socket) => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n')
        flood(socket, keyAuthorization)
      }),
    )
    assert.equal(problem.detail, 'app.test sent a body of more than 65536 bytes.')
  })

  test('a compressed body is not inflated', async (t) => {
    const bomb = gzipSync(Buffer.alloc(20_000_000, ' '))
    const problem = await problemOf(checkBody(t, bomb, { 'Content-Encoding': 'gzip' }))
    assert.match(problem.detail, /^app\.test served \d+ bytes that are not/)
    await assert.rejects(checkBody(t, gzipSync(keyAuthorization), { 'Content-Encoding': 'gzip' }))
  })

  for (const [about, chunk] of [
    ['one endless header', 'a'],
    ['endless headers', 'A: b\r\n'],
  ] as const) {
    test(`${about} is cut`, async (t) => {
      const problem = await problemOf(
        checkTalk(t, (socket) => {
          socket.write('HTTP/1.1 200 OK\r\nX: ')
          flood(socket, chunk)
        }),
      )
      assert.equal(problem.detail, 'app.test sent headers of more than 8192 bytes.')
    })
  }

  for (const status of ['100 Continue', '102 Processing', '103 Early Hints']) {
    test(`endless ${status} responses are cut`, async (t) => {
      const problem = await problemOf(
        checkTalk(t, (socket) => {
          flood(socket, `HTTP/1.1 ${status}\r\n\r\n`)
        }),
      )
      assert.equal(problem.detail, 'app.test sent too many 1xx responses.')
    })
  }

  test('one 103 before the answer is fine', async (t) => {
    const answer = `HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 87\r\n\r\n${keyAuthorization}`
    await checkTalk(t, (socket) => socket.write(answer))
  })

  const notAnswers: [about: string, answer: string, detail: RegExp][] = [
    [
      'a switch of protocols',
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n',
      /HTTP status 101/,
    ],
    ['an HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', /did not answer in HTTP/],
    ['an SSH banner', 'SSH-2.0-OpenSSH_9.9\r\n', /did not answer in HTTP/],
    ['no headers', keyAuthorization, /did not answer in HTTP/],
    ['a bare line feed and a space', 'HTTP/1.1 200 OK\n x\n\n', /did not answer in HTTP/],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcde', /did not answer in HTTP/],
    ['less than its length', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort', /closed the connection before/],
    [
      'half a chunk',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n50\r\nshort',
      /closed the connection before/,
    ],
    ['half a header', 'HTTP/1.1 200 OK\r\nContent-', /closed the connection before/],
    ['nothing', '', /closed the connection before/],
  ]
  for (const [about, answer, detail] of notAnswers) {
    test(`${about} is no answer`, async (t) => {
      const problem = await problemOf(checkTalk(t, (socket) => void socket.once('data', () => socket.end(answer))))
      assert.match(problem.detail, detail)
      assert.ok(problem.retry)
    })
  }

  test('a reset connection is no answer', async (t) => {
    const problem = await problemOf(checkTalk(t, (socket) => void socket.once('data', () => socket.resetAndDestroy())))
    assert.equal(problem.type, 'connection')
  })

  const slow: [about: string, talk: (socket: Socket) => void][] = [
    ['says nothing', () => {}],
    ['stops within its headers', (socket) => void socket.write('HTTP/1.1 200 OK\r\nX')],
    ['stops within its body', (socket) => void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 87\r\n\r\nabc')],
    [
      'sends a byte now and then',
      (socket) => {
        const timer = setInterval(() => socket.write('a'), 5)
        socket.write('HTTP/1.1 200 OK\r\nX: ')
        socket.on('close', () => clearInterval(timer))
      },
    ],
  ]
  for (const [about, talk] of slow) {
    test(`a server that ${about} is left when the time is over`, async (t) => {
      const { promise: closed, resolve } = Promise.withResolvers<void>()
      const controller = new AbortController()
      const checked = checkTalk(
        t,
        (socket) => {
          socket.on('close', () => resolve())
          talk(socket)
          socket.once('data', () => setTimeout(() => controller.abort(new Error('time is over')), 30))
        },
        controller.signal,
      )
      await assert.rejects(checked, /time is over/)
      await closed
    })
  }
})

describe('redirects', () => {
  for (const status of [301, 302, 303, 307, 308]) {
    test(`a ${status} is followed`, async (t) => {
      const server = await startHttpServer(t, (request, response) =>
        request.headers.host === 'other.test'
          ? response.end(keyAuthorization)
          : redirectTo('http://other.test/elsewhere?a=b#c', status)(request, response),
      )
      await check(t, { http: server.port })
      assert.deepEqual(server.requests, [`app.test ${path}`, 'other.test /elsewhere?a=b'])
    })
  }

  test('a path alone and an explicit validation port are followed', async (t) => {
    const server = await startHttpServer(t, (request, response) => {
      if (request.url === path) redirectTo('/second')(request, response)
      else if (request.url === '/second')
        redirectTo(`http://other.test:${request.socket.localPort}/third`)(request, response)
      else response.end(keyAuthorization)
    })
    await check(t, { http: server.port })
    assert.deepEqual(server.requests, [`app.test ${path}`, 'app.test /second', `other.test:${server.port} /third`])
  })

  test('https is followed without verifying the certificate, by name and by address', async (t) => {
    for (const host of ['other.test', '127.0.0.1']) {
      const serverNames: unknown[] = []
      const secure = createTlsServer(selfSignedCertificate(), (request, response) => {
        serverNames.push('servername' in request.socket ? request.socket.servername : undefined)
        response.end(keyAuthorization)
      })
      const tls = await listen(t, secure)
      const { port } = await startHttpServer(t, redirectTo(`https://${host}/`))
      await check(t, { http: port, tls })
      assert.deepEqual(serverNames, [host === '127.0.0.1' ? false : host])
    }
  })

  test('a TLS failure behind a redirect is a tls problem that does not tell where', async (t) => {
    const plain = await startTcpServer(t, (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
    const { port } = await startHttpServer(t, redirectTo('https://other.test/'))
    const problem = await problemOf(check(t, { http: port, tls: plain.port }))
    assert.equal(problem.type, 'tls')
    assert.equal(problem.detail, 'The target of a redirect failed the TLS handshake: it does not speak TLS.')
  })

  test('ten are followed and an eleventh is not', async (t) => {
    for (const redirects of [10, 11]) {
      const server = await startHttpServer(t, (request, response) => {
        const step = Number(new URL(request.url ?? '', 'http://x').searchParams.get('step'))
        if (step === redirects) response.end(keyAuthorization)
        else redirectTo(`/?step=${step + 1}`)(request, response)
      })
      const checked = check(t, { http: server.port })
      if (redirects === 10) await checked
      else assert.match((await problemOf(checked)).detail, /more than 10/)
      assert.equal(server.requests.length, 11)
    }
  })

  test('a loop is noticed, fragments aside', async (t) => {
    const server = await startHttpServer(t, (request, response) =>
      redirectTo(request.url === '/a' ? '/b' : '/a#again')(request, response),
    )
    const problem = await problemOf(check(t, { http: server.port }))
    assert.match(problem.detail, /already visited/)
    assert.equal(server.requests.length, 3)
  })

  test('each target is resolved and judged anew', async (t) => {
    let asked = 0
    const { port } = await startHttpServer(t, redirectTo('http://app.test/again'))
    const problem = await problemOf(
      check(t, {
        http: port,
        dns: (type, name) => {
          if (type !== 'A') return []
          asked += 1
          return [{ type, name, ttl: 0, data: asked === 1 ? '127.0.0.1' : '169.254.169.254' }]
        },
      }),
    )
    assert.match(problem.detail, /cloud metadata/)
    assert.equal(problem.retry, false)
  })

  const refusedTargets: [location: string, detail: RegExp][] = [
    ['http://169.254.169.254/latest/meta-data/', /cloud metadata/],
    ['http://2852039166/', /cloud metadata/],
    ['http://0xa9fea9fe/', /cloud metadata/],
    ['http://0251.0376.0251.0376/', /cloud metadata/],
    ['http://[::ffff:169.254.169.254]/', /cloud metadata/],
    ['http://[64:ff9b::a9fe:a9fe]/', /cloud metadata/],
    ['http://[fd00:ec2::254]/', /cloud metadata/],
    ['http://[::1]/', /loopback/],
    ['http://[::]/', /unspecified/],
    ['http://0/', /unspecified/],
    ['http://[::127.0.0.1]/', /IPv4-compatible/],
    ['http://[2002:7f00:1::]/', /loopback/],
    ['http://[fe80::1%25lo]/', /not a URL/],
    ['http://inner.test/', /private/],
    ['http://app.test:22/', /port is neither/],
    ['http://127.0.0.1:22/', /port is neither/],
    ['https://app.test:8443/', /port is neither/],
    ['http://user@app.test/', /user or a password/],
    ['http://:password@app.test/', /user or a password/],
    ['file:///etc/passwd', /scheme/],
    ['ftp://app.test/', /scheme/],
    ['gopher://app.test/', /scheme/],
    ['javascript:alert(1)', /scheme/],
    ['http://', /not a URL/],
    [`http://app.test/${'a'.repeat(2000)}`, /longer than/],
  ]
  for (const [location, detail] of refusedTargets) {
    test(`${location.slice(0, 60)} is not followed`, async (t) => {
      const server = await startHttpServer(t, redirectTo(location))
      const problem = await problemOf(check(t, { http: server.port }))
      assert.match(problem.detail, detail)
      assert.doesNotMatch(problem.detail, /169|127|inner|10\.1|passwd|meta-data/)
      assert.equal(problem.retry, false)
      assert.equal(server.requests.length, 1)
    })
  }

  test('a redirect without a Location is refused', async (t) => {
    const { port } = await startHttpServer(t, (_request, response) => response.writeHead(302).end())
    assert.match((await problemOf(check(t, { http: port }))).detail, /no Location/)
  })

  test('the body of a redirect is not read', async (t) => {
    const { port } = await startTcpServer(t, (socket) => {
      socket.write('HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\n\r\n')
      flood(socket, 'body')
    })
    assert.match((await problemOf(check(t, { http: port }))).detail, /cloud metadata/)
  })
})

test('a host that refuses the connection is a connection problem', async (t) => {
  const problem = await problemOf(check(t, { http: await closedPort() }))
  assert.equal(problem.type, 'connection')
  assert.match(problem.detail, /127\.0\.0\.1 refused the connection/)
})
