/** A Helm chart, as a LatticePackage names it. */
export interface ChartRef {
  /** `https://…` of a repository with an `index.yaml`, or `oci://…` of a registry. */
  readonly repository: string;
  readonly name: string;
  readonly version: string;
}

/** Whether a chart can be had. `unknown` is an answer too: what cannot be reached from here may well be reached from the cluster. */
export type ChartAnswer =
  | { readonly state: 'there'; readonly digest: string | undefined }
  | { readonly state: 'absent'; readonly reason: string }
  | { readonly state: 'unknown'; readonly reason: string };

/** Repositories of charts, asked without credentials. */
export interface Charts {
  /** Looks for one version of a chart, and that its archive can be had. Throws `CANCELLED` only. */
  find(chart: ChartRef, signal: AbortSignal): Promise<ChartAnswer>;
}
