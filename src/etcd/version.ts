/** `3.6` of `3.6.16`: programs and data of one minor version of etcd are made for each other. */
export function minorOf(version: string): string {
  return version.split('.').slice(0, 2).join('.');
}

/**
 * Version of etcd that the tag of an image says: `3.6.6` of `registry.k8s.io/etcd:3.6.6-0` and of `quay.io/coreos/etcd:v3.6.6`. `undefined` where it says none: of a
 * digest alone, and of a tag that counts somebody's own releases.
 */
export function versionOfImage(image: string): string | undefined {
  return /:v?(3\.\d+\.\d+)(?![\d/])[^/]*$/.exec(image.replace(/@.*$/, ''))?.[1];
}
