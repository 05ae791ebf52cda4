/** Ways in which an RSA modulus of the right size gives its factors away. All are cheap to find, for us and for others. */

/** Says what is wrong with a modulus, or undefined. */
export function rsaWeakness(modulus: bigint): string | undefined {
  if (hasSmallFactor(modulus)) return 'the modulus has a small prime factor'
  if (hasRocaFingerprint(modulus)) return 'the key was made by a chip with the ROCA flaw (CVE-2017-15361)'
  if (hasCloseFactors(modulus)) return 'the two primes are so close that Fermat factorization finds them'
  return undefined
}

const smallPrimes = primesUpTo(751)

/** Products below 2^52 of successive small primes: one long division serves several primes. */
const smallPrimeChunks = chunked(smallPrimes)

function hasSmallFactor(modulus: bigint): boolean {
  return smallPrimeChunks.some(({ product, primes }) => {
    const remainder = Number(modulus % product)
    return primes.some((prime) => remainder % prime === 0)
  })
}

/**
 * Infineon's generator made primes of the form k*M + (65537^a mod M), so the modulus is a power of 65537 modulo every
 * prime divisor of M (Nemec et al., "The Return of Coppersmith's Attack"). These are the divisors for which that says
 * something; a sound modulus passes all of them with a probability of about 2^-28.
 */
const rocaPrimes = [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157]
const rocaPowers = rocaPrimes.map((prime) => ({ prime: BigInt(prime), powers: powersOf65537(prime) }))

function hasRocaFingerprint(modulus: bigint): boolean {
  return rocaPowers.every(({ prime, powers }) => powers.has(Number(modulus % prime)))
}

function powersOf65537(prime: number): ReadonlySet<number> {
  const powers = new Set<number>()
  for (let power = 1; !powers.has(power); power = (power * 65537) % prime) powers.add(power)
  return powers
}

const fermatRounds = 100

/** Fermat: with n = a^2 - b^2 and factors that are close, a is just above the square root of n (CVE-2022-26320). */
function hasCloseFactors(modulus: bigint): boolean {
  let a = squareRoot(modulus)
  if (a * a < modulus) a += 1n
  let square = a * a - modulus
  for (let round = 0; round < fermatRounds; round++) {
    if (isSquare(square)) return true
    square += 2n * a + 1n
    a += 1n
  }
  return false
}

/** Residues that squares can have: all but about one in 80 of the other numbers stop here. */
const residues = [64, 63, 65, 11].map((base) => ({
  base,
  squares: new Set(Array.from({ length: base }, (_, root) => (root * root) % base)),
}))
const residueModulus = 64n * 63n * 65n * 11n

function isSquare(value: bigint): boolean {
  const residue = Number(value % residueModulus)
  if (!residues.every(({ base, squares }) => squares.has(residue % base))) return false
  const root = squareRoot(value)
  return root * root === value
}

/** The integer square root, by Newton's method from above. */
function squareRoot(value: bigint): bigint {
  if (value < 2n) return value
  let root = 1n << BigInt(Math.ceil(value.toString(16).length * 2))
  for (;;) {
    const next = (root + value / root) >> 1n
    if (next >= root) return root
    root = next
  }
}

function primesUpTo(limit: number): number[] {
  const primes: number[] = []
  for (let candidate = 2; candidate <= limit; candidate++) {
    if (primes.every((prime) => candidate % prime !== 0)) primes.push(candidate)
  }
  return primes
}

function chunked(primes: readonly number[]): { product: bigint; primes: number[] }[] {
  const chunks: { product: number; primes: number[] }[] = []
  for (const prime of primes) {
    const last = chunks.at(-1)
    if (last && last.product * prime < 2 ** 52) {
      last.product *= prime
      last.primes.push(prime)
    } else {
      chunks.push({ product: prime, primes: [prime] })
    }
  }
  return chunks.map(({ product, primes: members }) => ({ product: BigInt(product), primes: members }))
}
