import type { KubernetesClient } from './client.ts'

/**
 * A client whose requests end with a signal, whether or not whoever calls it thinks of that: nothing is written any
 * more once it has aborted. Lists and watches end with their own signal too.
 */
export function bindClient(client: KubernetesClient, signal: AbortSignal): KubernetesClient {
  const both = (own: AbortSignal | undefined): AbortSignal =>
    own === undefined ? signal : AbortSignal.any([signal, own])
  return {
    get: (resource, ref, own) => client.get(resource, ref, both(own)),
    list: (resource, options) => client.list(resource, { ...options, signal: both(options.signal) }),
    create: (resource, object, own) => client.create(resource, object, both(own)),
    update: (resource, object, own) => client.update(resource, object, both(own)),
    apply: (resource, configuration, options) =>
      client.apply(resource, configuration, { ...options, signal: both(options?.signal) }),
    delete: (resource, ref, own) => client.delete(resource, ref, both(own)),
    watch: (resource, options) => client.watch(resource, { ...options, signal: both(options.signal) }),
    serves: (resource, own) => client.serves(resource, both(own)),
    close: () => client.close(),
  }
}
