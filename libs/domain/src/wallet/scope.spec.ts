import type { Scope, UsageEvent } from '../events';
import { authorizeHold, captureHold, given, granted, used } from '../testing';

describe('a lot with a scope', () => {
  test.each<[string, Scope, Partial<UsageEvent>, Partial<UsageEvent>]>([
    [
      'service types',
      { service_types: ['llm_call', 'email'] },
      { serviceType: 'llm_call' },
      { serviceType: 'compute' },
    ],
    ['models', { models: ['a/one', 'a/two'] }, { model: 'a/two' }, { model: 'a/three' }],
    ['models, where the usage names none', { models: ['a/one'] }, { model: 'a/one' }, { model: null }],
    ['a model tier by its ending', { model_tiers: ['lite'] }, { model: 'a/one-lite' }, { model: 'a/one-lite-2' }],
    ['a model tier by name', { model_tiers: ['lite'] }, { model: 'exact-model' }, { model: 'an-exact-model' }],
    ['a model tier, where the usage names no model', { model_tiers: ['lite'] }, { model: '-lite' }, { model: null }],
    ['one of several tiers', { model_tiers: ['other', 'lite'] }, { model: 'x-lite' }, { model: 'lite' }],
    ['workspaces', { workspaces: ['w1'] }, { workspaceId: 'w1' }, { workspaceId: 'w2' }],
    ['workspaces, where the usage names none', { workspaces: ['w1'] }, { workspaceId: 'w1' }, { workspaceId: null }],
    [
      'all its lists at once',
      { service_types: ['llm_call'], workspaces: ['w1'] },
      { workspaceId: 'w1' },
      { workspaceId: 'w1', serviceType: 'email' },
    ],
  ])('INV-LOT-4: pays only for its %s', (_, scope, inside, outside) => {
    given(granted('scoped', '5', { scope, priority: 1 }), granted('open', '5', { priority: 2 }))
      .when(used('1', { ...inside }))
      .thenCharged({ slices: [['scoped', '1']] })
      .when(used('1', { ...outside }))
      .thenCharged({ slices: [['open', '1']] });
  });

  test('INV-LOT-4: with a tier that the preset does not know pays for nothing, whatever the tier is called', () => {
    for (const tier of ['other', 'constructor', 'toString', '__proto__']) {
      given(granted('scoped', '5', { scope: { model_tiers: [tier] } }))
        .when(used('1', { model: 'x-lite', enforce: true }))
        .thenRefused('out_of_credits');
    }
  });

  test('is shown as restricted, and not as available to any charge', () => {
    const scenario = given(granted('scoped', '5', { scope: { models: ['m'] } }), granted('open', '2')).balance({
      settled: '7',
      available: '2',
    });
    scenario.when(used('6', { model: 'm', enforce: true })).thenCharged({
      slices: [
        ['scoped', '5'],
        ['open', '1'],
      ],
    });
  });

  test('is held only by a hold for its service type', () => {
    given(granted('scoped', '5', { scope: { service_types: ['llm_call'] } }))
      .when(authorizeHold('any', '1'))
      .thenRefused('out_of_credits')
      .when(authorizeHold('other', '1', { serviceType: 'email' }))
      .thenRefused('out_of_credits')
      .given(authorizeHold('right', '5', { serviceType: 'llm_call' }))
      .lot('scoped', { held: '5' });
  });

  test('INV-LOT-3: pays what a capture takes above its hold, where model and workspace of the capture are in its scope', () => {
    given(
      granted('for-model', '5', { scope: { models: ['m'], workspaces: ['w'] }, priority: 1 }),
      granted('open', '5', { priority: 2 }),
      authorizeHold('h', '1'),
      captureHold('h', '4', { usage: { model: 'm', workspaceId: 'w' } }),
    )
      .lot('for-model', { remaining: '2' })
      .lot('open', { remaining: '4' });
  });
});
