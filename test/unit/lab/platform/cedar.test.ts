import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { authorize } from '../../../../src/lab/platform/cedar/authorize.ts';
import { parsePolicies } from '../../../../src/lab/platform/cedar/parse.ts';
import { type CedarSubject, mayWorkload } from '../../../../src/lab/platform/cedar/policies.ts';

const api = { namespace: 'shop', name: 'api', kind: 'service' };
const secret: CedarSubject = { action: 'AccessSecret', provider: 'lattice-local', path: 'orders/db' };
const decide = (text: string) => mayWorkload(parsePolicies(text), api, secret);

describe('Cedar subset', () => {
  it.each([
    ['no policy', '', false],
    ['a permit for all', 'permit(principal, action, resource);', true],
    ['the action', 'permit(principal, action == Lattice::Action::"AccessSecret", resource);', true],
    ['another action', 'permit(principal, action == Lattice::Action::"AccessVolume", resource);', false],
    ['one of two actions', 'permit(principal, action in [Lattice::Action::"AccessVolume", Lattice::Action::"AccessSecret"], resource);', true],
    ['the principal', 'permit(principal == Lattice::Service::"shop/api", action, resource);', true],
    ['another principal', 'permit(principal == Lattice::Service::"shop/worker", action, resource);', false],
    ['the type of the principal', 'permit(principal is Lattice::Service, action, resource);', true],
    ['an attribute', 'permit(principal, action, resource) when { principal.namespace == "shop" && resource.provider == "lattice-local" };', true],
    ['a wrong attribute', 'permit(principal, action, resource) when { principal.namespace == "shop" && resource.provider == "vault" };', false],
    ['an alternative', 'permit(principal, action, resource) when { resource.provider == "vault" || resource.path like "orders/*" };', true],
    ['like is a whole match', 'permit(principal, action, resource) when { resource.path like "orders" };', false],
    ['a set', 'permit(principal, action, resource) when { ["shop", "front"].contains(principal.namespace) };', true],
    ['in a set', 'permit(principal, action, resource) when { principal.kind in ["job"] };', false],
    ['has', 'permit(principal, action, resource) when { resource has path && !(resource has owner) };', true],
    ['unless', 'permit(principal, action, resource) unless { principal.name == "api" };', false],
    ['a missing attribute makes a policy not apply', 'permit(principal, action, resource) when { resource.owner == "x" };', false],
    ['comments and annotations', '// why\n@id("one")\npermit(principal, action, resource);', true],
  ])('%s', (_name, text, allowed) => {
    expect(decide(text)).toEqual({ allowed, forbidden: false });
  });

  it('a forbid wins over any permit', () => {
    expect(decide('permit(principal, action, resource); forbid(principal, action, resource) when { principal.namespace == "shop" };')).toEqual({
      allowed: false,
      forbidden: true,
    });
  });

  it.each([
    'permit',
    'permit(principal, action);',
    'allow(principal, action, resource);',
    'permit(principal, action, resource) when { principal.name + 1 };',
    'permit(principal, action, resource)',
    'permit(principal == ?principal, action, resource);',
  ])('refuses %s with a line', (text) => {
    expect(() => parsePolicies(text)).toThrow(/line \d+|unexpected end/);
  });

  it('the order of policies never matters', () => {
    const policy = fc.record({ effect: fc.constantFrom('permit', 'forbid'), namespace: fc.constantFrom('shop', 'front') });
    fc.assert(
      fc.property(fc.array(policy), fc.nat(), (policies, rotation) => {
        const text = policies.map(({ effect, namespace }) => `${effect}(principal, action, resource) when { principal.namespace == "${namespace}" };`);
        const shift = policies.length === 0 ? 0 : rotation % policies.length;
        const rotated = [...text.slice(shift), ...text.slice(0, shift)];
        expect(decide(text.join('\n'))).toEqual(decide(rotated.join('\n')));
      }),
    );
  });

  it('an entity has attributes of its own request only', () => {
    const [policy] = parsePolicies('permit(principal, action, resource) when { Lattice::Service::"other/one".namespace == "other" };');
    const entity = { uid: { type: 'T', id: 'a' }, attributes: {} };
    expect(authorize(policy === undefined ? [] : [policy], { principal: entity, action: entity.uid, resource: entity }).allowed).toBe(false);
  });
});
