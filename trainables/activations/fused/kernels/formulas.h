// Written by source.py from formulas.py; not edited by hand.
INLINE V identity_forward(const V v0) {

  return v0;
}

INLINE V relu_forward(const V v0) {
  const V v1 = at_least(v0, constant<V>(0x0.0p+0f));
  return v1;
}

INLINE V leaky_relu_forward(const V v0) {
  const M v1 = v0 < constant<V>(0x0.0p+0f);
  const V v2 = v0 * constant<V>(0x1.47ae140000000p-7f);
  const V v3 = v1 ? v2 : v0;
  return v3;
}

INLINE V relu6_forward(const V v0) {
  const V v1 = at_least(v0, constant<V>(0x0.0p+0f));
  const V v2 = at_most(v1, constant<V>(0x1.8000000000000p+2f));
  return v2;
}

INLINE V squared_relu_forward(const V v0) {
  const V v1 = at_least(v0, constant<V>(0x0.0p+0f));
  const V v2 = v1 * v1;
  return v2;
}

INLINE V hardswish_forward(const V v0) {
  const V v1 = at_least(v0, constant<V>(-0x1.8000000000000p+1f));
  const D v2 = wide(v1);
  const V v3 = at_most(v1, constant<V>(0x1.8000000000000p+1f));
  const D v4 = wide(v3);
  const D v5 = v4 + constant<D>(0x1.8000000000000p+1);
  const D v6 = v2 * v5;
  const D v7 = v6 * constant<D>(0x1.5555555555555p-3);
  const V v8 = narrow(v7);
  return v8;
}

INLINE V elu_forward(const V v0) {
  const M v1 = v0 >= constant<V>(0x0.0p+0f);
  const V v2 = at_most(v0, constant<V>(0x0.0p+0f));
  const V v3 = at_least(v2, constant<V>(-0x1.5c00000000000p+6f));
  const V v4 = v3 * constant<V>(0x1.7154760000000p+0f);
  const V v5 = v4 + constant<V>(0x1.8000fe0000000p+23f);
  const V v6 = v5 - constant<V>(0x1.8000fe0000000p+23f);
  const V v7 = v6 * constant<V>(0x1.62e4000000000p-1f);
  const V v8 = v3 - v7;
  const V v9 = v6 * constant<V>(0x1.7f7d1c0000000p-20f);
  const V v10 = v8 - v9;
  const V v11 = v10 * v10;
  const V v12 = constant<V>(0x1.5554880000000p-3f) * v10;
  const V v13 = constant<V>(0x1.0000000000000p-1f) + v12;
  const V v14 = constant<V>(0x1.1241360000000p-7f) * v10;
  const V v15 = constant<V>(0x1.5554540000000p-5f) + v14;
  const V v16 = v15 * v11;
  const V v17 = v13 + v16;
  const V v18 = v11 * v11;
  const V v19 = constant<V>(0x1.6dbc4c0000000p-10f) * v18;
  const V v20 = v17 + v19;
  const V v22 = v11 * v20;
  const V v23 = v10 + v22;
  const V v24 = pow2(v5);
  const V v25 = v24 * v23;
  const V v26 = v24 - constant<V>(0x1.0000000000000p+0f);
  const V v27 = v25 + v26;
  const V v39 = v1 ? v0 : v27;
  return v39;
}

INLINE V celu_forward(const V v0) {
  const M v1 = v0 >= constant<V>(0x0.0p+0f);
  const V v2 = at_most(v0, constant<V>(0x0.0p+0f));
  const V v3 = at_least(v2, constant<V>(-0x1.5c00000000000p+6f));
  const V v4 = v3 * constant<V>(0x1.7154760000000p+0f);
  const V v5 = v4 + constant<V>(0x1.8000fe0000000p+23f);
  const V v6 = v5 - constant<V>(0x1.8000fe0000000p+23f);
  const V v7 = v6 * constant<V>(0x1.62e4000000000p-1f);
  const V v8 = v3 - v7;
  const V v9 = v6 * constant<V>(0x1.7f7d1c0000000p-20f);
  const V v10 = v8 - v9;
  const V v11 = v10 * v10;
  const V v12 = constant<V>(0x1.5554880000000p-3f) * v10;
  const V v13 = constant<V>(0x1.0000000000000p-1f) + v12;
  const V v14 = constant<V>(0x1.1241360000000p-7f) * v10;
  const V v15 = constant<V>(0x1.5554540000000p-5f) + v14;
  const V v16 = v15 * v11;
  const V v17 = v13 + v16;
  const V v18 = v11 * v11;
  const V v19 = constant<V>(0x1.6dbc4c0000000p-10f) * v18;
  const V v20 = v17 + v19;
  const V v22 = v11 * v20;
  const V v23 = v10 + v22;
  const V v24 = pow2(v5);
  const V v25 = v24 * v23;
  const V v26 = v24 - constant<V>(0x1.0000000000000p+0f);
  const V v27 = v25 + v26;
  const V v39 = v1 ? v0 : v27;
  return v39;
}

INLINE V selu_forward(const V v0) {
  const V v1 = at_most(v0, constant<V>(0x0.0p+0f));
  const V v2 = at_least(v1, constant<V>(-0x1.5c00000000000p+6f));
  const V v3 = v2 * constant<V>(0x1.7154760000000p+0f);
  const V v4 = v3 + constant<V>(0x1.8000fe0000000p+23f);
  const V v5 = v4 - constant<V>(0x1.8000fe0000000p+23f);
  const V v6 = v5 * constant<V>(0x1.62e4000000000p-1f);
  const V v7 = v2 - v6;
  const V v8 = v5 * constant<V>(0x1.7f7d1c0000000p-20f);
  const V v9 = v7 - v8;
  const V v10 = v9 * v9;
  const V v11 = constant<V>(0x1.5554880000000p-3f) * v9;
  const V v12 = constant<V>(0x1.0000000000000p-1f) + v11;
  const V v13 = constant<V>(0x1.1241360000000p-7f) * v9;
  const V v14 = constant<V>(0x1.5554540000000p-5f) + v13;
  const V v15 = v14 * v10;
  const V v16 = v12 + v15;
  const V v17 = v10 * v10;
  const V v18 = constant<V>(0x1.6dbc4c0000000p-10f) * v17;
  const V v19 = v16 + v18;
  const V v21 = v10 * v19;
  const V v22 = v9 + v21;
  const V v23 = pow2(v4);
  const V v24 = v23 * v22;
  const V v25 = v23 - constant<V>(0x1.0000000000000p+0f);
  const V v26 = v24 + v25;
  const V v32 = v26 - v25;
  const V v33 = v24 - v32;
  const V v34 = v22 - v9;
  const V v35 = v21 - v34;
  const V v36 = v23 * v35;
  const V v37 = v33 + v36;
  const D v38 = wide(v26);
  const D v39 = wide(v37);
  const D v40 = v38 + v39;
  const D v41 = v40 * constant<D>(0x1.c212cc640f030p+0);
  const V v42 = narrow(v41);
  const M v43 = v0 >= constant<V>(0x0.0p+0f);
  const D v44 = wide(v0);
  const D v45 = v44 * constant<D>(0x1.0cfabd6a91132p+0);
  const V v46 = narrow(v45);
  const V v47 = v43 ? v46 : v42;
  return v47;
}

INLINE V gelu_forward_near(const V v0) {
  const V v1 = magnitude(v0);
  const V v2 = at_most(v1, constant<V>(0x1.b000000000000p+2f));
  const V v3 = v2 * constant<V>(0x1.8000000000000p-2f);
  const V v4 = v3 + constant<V>(0x1.0000000000000p+1f);
  const V v5 = v4 * v2;
  const V v6 = v5 + constant<V>(0x1.8000000000000p+23f);
  static constexpr Table t7 = {0x0.0p+0f, 0x0.0p+0f, 0x1.0000000000000p-1f, -0x1.9884520000000p-2f, -0x1.147e3c0000000p-20f, 0x1.106b5e0000000p-4f, -0x1.19c7fe0000000p-13f, -0x1.3a5fbe0000000p-7f, 0x1.cfe1c00000000p-2f, 0x1.2dc6480000000p-3f, 0x1.4c20120000000p-3f, -0x1.4ad9460000000p-2f, 0x1.a6801c0000000p-4f, 0x1.4040d00000000p-5f, -0x1.5b6a240000000p-6f, -0x1.1115400000000p-8f, 0x1.b620000000000p-1f, 0x1.57a0920000000p-3f, -0x1.4cedda0000000p-5f, -0x1.671eee0000000p-3f, 0x1.0807a20000000p-3f, -0x1.bd59a80000000p-8f, -0x1.5076520000000p-6f, 0x1.1721580000000p-8f, 0x1.3780e00000000p+0f, 0x1.16b4320000000p-3f, -0x1.ea48640000000p-4f, -0x1.94cba00000000p-5f, 0x1.8e37b80000000p-4f, -0x1.0ef2960000000p-5f, -0x1.ee8b8a0000000p-8f, 0x1.b644720000000p-8f, 0x1.8c04e00000000p+0f, 0x1.821eb80000000p-4f, -0x1.0134e40000000p-3f, 0x1.843ea60000000p-6f, 0x1.993f800000000p-5f, -0x1.211a4a0000000p-5f, 0x1.048e540000000p-8f, 0x1.1ba2360000000p-8f, 0x1.da2f800000000p+0f, 0x1.e572f20000000p-5f, -0x1.9d67460000000p-4f, 0x1.a49aee0000000p-5f, 0x1.9d16bc0000000p-7f, -0x1.93e5ee0000000p-6f, 0x1.1f95520000000p-7f, 0x1.c346420000000p-11f, 0x1.11b7e00000000p+1f, 0x1.1c832e0000000p-5f, -0x1.2099c00000000p-4f, 0x1.ab45240000000p-5f, -0x1.0f3dfa0000000p-7f, -0x1.89017e0000000p-7f, 0x1.0cf6700000000p-7f, -0x1.5543580000000p-10f, 0x1.3450b00000000p+1f, 0x1.3be3fa0000000p-6f, -0x1.6f28ee0000000p-5f, 0x1.5582d00000000p-5f, -0x1.03e9c20000000p-6f, -0x1.6195aa0000000p-9f, 0x1.5eca040000000p-8f, -0x1.00ae9a0000000p-9f, 0x1.5520680000000p+1f, 0x1.501ca80000000p-7f, -0x1.b4af480000000p-6f, 0x1.de67780000000p-6f, -0x1.0268ea0000000p-6f, 0x1.2761480000000p-9f, 0x1.4392640000000p-9f, -0x1.a852660000000p-10f, 0x1.746f380000000p+1f, 0x1.58fd8a0000000p-8f, -0x1.ec92360000000p-7f, 0x1.3297ec0000000p-6f, -0x1.9ac4980000000p-7f, 0x1.035e700000000p-8f, 0x1.02472e0000000p-11f, -0x1.066fd60000000p-10f, 0x1.9274900000000p+1f, 0x1.5731100000000p-9f, -0x1.09eb8e0000000p-7f, 0x1.6fb2100000000p-7f, -0x1.1fa1aa0000000p-7f, 0x1.f98a4e0000000p-9f, -0x1.0e8dba0000000p-11f, -0x1.bc31260000000p-12f, 0x1.af3ba80000000p+1f, 0x1.4d20620000000p-10f, -0x1.156e5e0000000p-8f, 0x1.a34a080000000p-8f, -0x1.7225960000000p-8f, 0x1.8eeb3e0000000p-9f, -0x1.b8f8640000000p-11f, -0x1.2defe80000000p-14f, 0x1.cb0d500000000p+1f, 0x1.3b45c00000000p-11f, -0x1.1820060000000p-9f, 0x1.c97c120000000p-9f, -0x1.be32e20000000p-9f, 0x1.16a8460000000p-9f, -0x1.a5ceec0000000p-11f, 0x1.c796c80000000p-14f, 0x1.e5e3200000000p+1f, 0x1.24aa120000000p-12f, -0x1.13b1f20000000p-10f, 0x1.e2255e0000000p-10f, -0x1.ffc0760000000p-10f, 0x1.66a4780000000p-10f, -0x1.49e1ca0000000p-11f, 0x1.4b56400000000p-13f, 0x1.ffe1600000000p+1f, 0x1.0aaaa00000000p-13f, -0x1.08fa1e0000000p-11f, 0x1.ecbc320000000p-11f, -0x1.1978d40000000p-10f, 0x1.b1c5be0000000p-11f, -0x1.cb8e420000000p-12f, 0x1.33c42c0000000p-13f, 0x1.0c97400000000p+2f, 0x1.dca99e0000000p-15f, -0x1.f18aa40000000p-13f, 0x1.e924aa0000000p-12f, -0x1.2a4e200000000p-11f, 0x1.f276080000000p-12f, -0x1.27104a0000000p-12f, 0x1.dca0060000000p-14f, 0x1.18d5a80000000p+2f, 0x1.a503be0000000p-16f, -0x1.cbd7c80000000p-14f, 0x1.dba29e0000000p-13f, -0x1.3387ee0000000p-12f, 0x1.139f900000000p-12f, -0x1.6568b60000000p-13f, 0x1.49a6b40000000p-14f, 0x1.24c9ec0000000p+2f, 0x1.6dd1ae0000000p-17f, -0x1.a0d2900000000p-15f, 0x1.c3d8540000000p-14f, -0x1.341dba0000000p-13f, 0x1.25f1680000000p-13f, -0x1.9bfb3a0000000p-14f, 0x1.a469ac0000000p-15f, 0x1.306fb40000000p+2f, 0x1.39e83c0000000p-18f, -0x1.7416a00000000p-16f, 0x1.a5435a0000000p-15f, -0x1.2d98400000000p-14f, 0x1.3051200000000p-14f, -0x1.c86ef00000000p-15f, 0x1.fcad740000000p-16f, 0x1.3bc3340000000p+2f, 0x1.0b07fa0000000p-19f, -0x1.486f520000000p-17f, 0x1.8324160000000p-16f, -0x1.21d89e0000000p-15f, 0x1.33b2500000000p-15f, -0x1.ea01e80000000p-16f, 0x1.254fb00000000p-16f, 0x1.46e05c0000000p+2f, 0x1.bfb3740000000p-21f, -0x1.1d1cec0000000p-18f, 0x1.5d0e560000000p-17f, -0x1.1074b80000000p-16f, 0x1.2f138e0000000p-16f, -0x1.fd83580000000p-17f, 0x1.44d3ea0000000p-17f, 0x1.51bca80000000p+2f, 0x1.73c0da0000000p-22f, -0x1.e95d860000000p-20f, 0x1.3667e20000000p-18f, -0x1.f7c2fa0000000p-18f, 0x1.24837c0000000p-17f, -0x1.027cc60000000p-17f, 0x1.607fdc0000000p-18f, 0x1.5c63440000000p+2f, 0x1.3143440000000p-23f, -0x1.9e9ca40000000p-21f, 0x1.0ff9840000000p-19f, -0x1.c9c6840000000p-19f, 0x1.14af9c0000000p-18f, -0x1.ffa7480000000p-19f, 0x1.6f91f80000000p-19f, 0x1.66cb040000000p+2f, 0x1.f225b60000000p-25f, -0x1.5c787c0000000p-22f, 0x1.d7e40e0000000p-21f, -0x1.9af0de0000000p-20f, 0x1.01d4de0000000p-19f, -0x1.f11dc00000000p-20f, 0x1.74f88e0000000p-20f, 0x1.7107840000000p+2f, 0x1.91dce00000000p-26f, -0x1.2130160000000p-23f, 0x1.9398ac0000000p-22f, -0x1.6b07260000000p-21f, 0x1.d7cf580000000p-21f, -0x1.d8f2b60000000p-21f, 0x1.73e50c0000000p-21f, 0x1.7b054c0000000p+2f, 0x1.4333ae0000000p-27f, -0x1.ddd4ac0000000p-25f, 0x1.57142e0000000p-23f, -0x1.3e253c0000000p-22f, 0x1.ab53260000000p-22f, -0x1.bbe86e0000000p-22f, 0x1.686c220000000p-22f, 0x1.84db100000000p+2f, 0x1.0171620000000p-28f, -0x1.8689f00000000p-26f, 0x1.2025d20000000p-24f, -0x1.1312480000000p-23f, 0x1.7d29ce0000000p-23f, -0x1.99a8e00000000p-23f, 0x1.58a1580000000p-23f, 0x1.8e8b500000000p+2f, 0x1.96444a0000000p-30f, -0x1.3bddb40000000p-27f, 0x1.de6c740000000p-26f, -0x1.d587c60000000p-25f, 0x1.4f13b60000000p-24f, -0x1.73f4020000000p-24f, 0x1.44cb7a0000000p-24f, 0x1.9814680000000p+2f, 0x1.3e14d60000000p-31f, -0x1.fa7df80000000p-29f, 0x1.8948340000000p-27f, -0x1.8c4f140000000p-26f, 0x1.22e4c40000000p-25f, -0x1.4ceebc0000000p-25f, 0x1.2d0d280000000p-25f, 0x1.a175640000000p+2f, 0x1.eef1380000000p-33f, -0x1.9326500000000p-30f, 0x1.40a0340000000p-28f, -0x1.4b5bc00000000p-27f, 0x1.f3a5a00000000p-27f, -0x1.265c9a0000000p-26f, 0x1.13417a0000000p-26f, 0x1.aaa1a00000000p+2f, 0x1.8109900000000p-34f, -0x1.408b640000000p-31f, 0x1.04d27a0000000p-29f, -0x1.141d220000000p-28f, 0x1.ab16b40000000p-28f, -0x1.026f280000000p-27f, 0x1.ee6ca60000000p-28f, 0x1.b3bdfc0000000p+2f, 0x1.275f4e0000000p-35f, -0x1.f655940000000p-33f, 0x1.a1e71e0000000p-31f, -0x1.c4d0540000000p-30f, 0x1.66e3280000000p-29f, -0x1.be24f80000000p-29f, 0x1.b9c6b00000000p-29f};
  const Row v7 = look_up<t7>(v6);
  const V v8 = v7.at[0];
  const V v9 = v7.at[1];
  const V v10 = v7.at[2];
  const V v11 = v7.at[3];
  const V v12 = v7.at[4];
  const V v13 = v7.at[5];
  const V v14 = v7.at[6];
  const V v15 = v7.at[7];
  const V v16 = v2 - v8;
  const V v17 = v15 * v16;
  const V v18 = v17 + v14;
  const V v19 = v18 * v16;
  const V v20 = v19 + v13;
  const V v21 = v20 * v16;
  const V v22 = v21 + v12;
  const V v23 = v22 * v16;
  const V v24 = v23 + v11;
  const V v25 = v24 * v16;
  const V v26 = v25 + v10;
  const V v27 = v26 * v16;
  const V v28 = v27 + v9;
  const V v29 = at_least(v0, constant<V>(0x0.0p+0f));
  const V v30 = v29 - v28;
  return v30;
}

INLINE M gelu_forward_beyond(const V v0) {
  const M v1 = v0 < constant<V>(-0x1.b000000000000p+2f);
  return v1;
}

SELDOM V gelu_forward_everywhere(const V v0) {
  const V v1 = magnitude(v0);
  const V v2 = at_most(v1, constant<V>(0x1.e000000000000p+3f));
  const V v3 = v2 * v2;
  const V v4 = v3 * constant<V>(-0x1.7154760000000p-1f);
  const V v5 = v4 + constant<V>(0x1.8000fe0000000p+23f);
  const V v6 = v5 - constant<V>(0x1.8000fe0000000p+23f);
  const V v7 = v3 * constant<V>(-0x1.0000000000000p-1f);
  const V v8 = v6 * constant<V>(0x1.62e4000000000p-1f);
  const V v9 = v7 - v8;
  const V v10 = v6 * constant<V>(0x1.7f7d1c0000000p-20f);
  const V v11 = lost(v2, v2, v3);
  const V v12 = v11 * constant<V>(0x1.0000000000000p-1f);
  const V v13 = v10 + v12;
  const V v14 = v9 - v13;
  const V v15 = v14 * v14;
  const V v16 = constant<V>(0x1.5554880000000p-3f) * v14;
  const V v17 = constant<V>(0x1.0000000000000p-1f) + v16;
  const V v18 = constant<V>(0x1.1241360000000p-7f) * v14;
  const V v19 = constant<V>(0x1.5554540000000p-5f) + v18;
  const V v20 = v19 * v15;
  const V v21 = v17 + v20;
  const V v22 = v15 * v15;
  const V v23 = constant<V>(0x1.6dbc4c0000000p-10f) * v22;
  const V v24 = v21 + v23;
  const V v26 = v15 * v24;
  const V v27 = v14 + v26;
  const V v28 = v2 + constant<V>(0x1.0000000000000p+1f);
  const V v29 = constant<V>(0x1.0000000000000p+0f) / v28;
  const V v30 = v29 * constant<V>(0x1.0000000000000p+2f);
  const V v31 = constant<V>(0x1.0000000000000p+0f) - v30;
  const V v32 = constant<V>(0x1.2cce500000000p-5f) * v31;
  const V v33 = constant<V>(0x1.d7d0ee0000000p-6f) + v32;
  const V v34 = constant<V>(-0x1.b963e80000000p-8f) * v31;
  const V v35 = constant<V>(-0x1.ec9b7c0000000p-12f) + v34;
  const V v36 = constant<V>(0x1.b0b26e0000000p-11f) * v31;
  const V v37 = constant<V>(-0x1.ff88aa0000000p-10f) + v36;
  const V v38 = constant<V>(0x1.1272ee0000000p-13f) * v31;
  const V v39 = constant<V>(0x1.b66ca60000000p-11f) + v38;
  const V v40 = constant<V>(-0x1.0f61f40000000p-14f) * v31;
  const V v41 = constant<V>(-0x1.38aace0000000p-13f) + v40;
  const V v42 = v31 * v31;
  const V v43 = v35 * v42;
  const V v44 = v33 + v43;
  const V v45 = v39 * v42;
  const V v46 = v37 + v45;
  const V v47 = v42 * v42;
  const V v48 = v46 * v47;
  const V v49 = v44 + v48;
  const V v50 = v47 * v47;
  const V v51 = v41 * v50;
  const V v52 = v49 + v51;
  const V v54 = v31 * v52;
  const V v55 = constant<V>(-0x1.535bb20000000p-2f) + v54;
  const V v56 = v31 * v55;
  const V v57 = v56 + constant<V>(0x1.5845dc0000000p-1f);
  const V v58 = v57 - constant<V>(0x1.5845dc0000000p-1f);
  const V v59 = v56 - v58;
  const V v60 = v59 + constant<V>(0x1.5b515a0000000p-26f);
  const V v61 = lost(v29, v28, constant<V>(0x1.0000000000000p+0f));
  const V v62 = v28 - constant<V>(0x1.0000000000000p+1f);
  const V v63 = v2 - v62;
  const V v64 = v29 * v63;
  const V v65 = v61 + v64;
  const V v66 = v65 * constant<V>(0x1.7333340000000p+0f);
  const V v67 = v2 * v29;
  const V v68 = v67 * v57;
  const V v69 = lost(v67, v57, v68);
  const V v70 = lost(v2, v29, v67);
  const V v71 = v57 * v70;
  const V v72 = v67 * v60;
  const V v73 = v71 + v72;
  const V v74 = v69 + v73;
  const V v75 = v27 - v14;
  const V v76 = v26 - v75;
  const V v77 = v76 - v66;
  const V v78 = v68 * v77;
  const V v79 = v74 * v27;
  const V v80 = v74 + v79;
  const V v81 = v78 + v80;
  const V v82 = v68 * v27;
  const V v83 = v68 + v82;
  const V v84 = v83 - v68;
  const V v85 = v82 - v84;
  const V v86 = v85 + v81;
  const V v87 = v83 + v86;
  const M v88 = v5 < constant<V>(0x1.8000860000000p+23f);
  const V v89 = v5 + constant<V>(0x1.0000000000000p+6f);
  const V v90 = v88 ? v89 : v5;
  const V v91 = pow2(v90);
  const V v92 = v88 ? constant<V>(0x1.0000000000000p-64f) : constant<V>(0x1.0000000000000p+0f);
  const V v93 = at_least(v0, constant<V>(0x0.0p+0f));
  const V v94 = v87 * v91;
  const V v95 = v94 * v92;
  const V v96 = v93 - v95;
  return v96;
}

TWO_WAYS(gelu_forward)

INLINE V gelu_tanh_forward(const V v0) {
  const V v1 = at_least(v0, constant<V>(-0x1.7000000000000p+3f));
  const V v2 = at_most(v1, constant<V>(0x1.2000000000000p+3f));
  const D v3 = wide(v2);
  const D v4 = v3 * v3;
  const D v5 = v4 * constant<D>(-0x1.2444f2a4d8b4bp-4);
  const D v6 = v5 - constant<D>(0x1.9884533d43651p+0);
  const D v7 = v3 * v6;
  const V v8 = narrow(v7);
  const V v9 = v8 * constant<V>(0x1.7154760000000p+0f);
  const V v10 = v9 + constant<V>(0x1.8000fe0000000p+23f);
  const V v11 = v10 - constant<V>(0x1.8000fe0000000p+23f);
  const D v12 = wide(v11);
  const D v13 = v12 * constant<D>(0x1.62e42fefa39efp-1);
  const D v14 = v7 - v13;
  const V v15 = narrow(v14);
  const V v16 = v15 * v15;
  const V v17 = constant<V>(0x1.5554880000000p-3f) * v15;
  const V v18 = constant<V>(0x1.0000000000000p-1f) + v17;
  const V v19 = constant<V>(0x1.1241360000000p-7f) * v15;
  const V v20 = constant<V>(0x1.5554540000000p-5f) + v19;
  const V v21 = v20 * v16;
  const V v22 = v18 + v21;
  const V v23 = v16 * v16;
  const V v24 = constant<V>(0x1.6dbc4c0000000p-10f) * v23;
  const V v25 = v22 + v24;
  const V v27 = v16 * v25;
  const V v28 = v15 + v27;
  const M v29 = v10 > constant<V>(0x1.8001720000000p+23f);
  const V v30 = v10 - constant<V>(0x1.0000000000000p+6f);
  const V v31 = v29 ? v30 : v10;
  const V v32 = pow2(v31);
  const V v33 = v29 ? constant<V>(0x1.0000000000000p-64f) : constant<V>(0x1.0000000000000p+0f);
  const V v34 = v32 + v33;
  const V v35 = v34 - v32;
  const V v36 = v33 - v35;
  const V v37 = v32 * v28;
  const V v38 = v37 + v36;
  const V v39 = v34 + v38;
  const V v40 = v1 / v39;
  const V v41 = v40 * v33;
  return v41;
}

INLINE V silu_forward(const V v0) {
  const V v1 = v0 * constant<V>(-0x1.0000000000000p+0f);
  const V v2 = at_least(v1, constant<V>(-0x1.4000000000000p+6f));
  const V v3 = at_most(v2, constant<V>(0x1.b800000000000p+6f));
  const V v4 = v3 * constant<V>(0x1.7154760000000p+0f);
  const V v5 = v4 + constant<V>(0x1.8000fe0000000p+23f);
  const V v6 = v5 - constant<V>(0x1.8000fe0000000p+23f);
  const V v7 = v6 * constant<V>(0x1.62e4000000000p-1f);
  const V v8 = v3 - v7;
  const V v9 = v6 * constant<V>(0x1.7f7d1c0000000p-20f);
  const V v10 = v8 - v9;
  const V v11 = v10 * v10;
  const V v12 = constant<V>(0x1.5554880000000p-3f) * v10;
  const V v13 = constant<V>(0x1.0000000000000p-1f) + v12;
  const V v14 = constant<V>(0x1.1241360000000p-7f) * v10;
  const V v15 = constant<V>(0x1.5554540000000p-5f) + v14;
  const V v16 = v15 * v11;
  const V v17 = v13 + v16;
  const V v18 = v11 * v11;
  const V v19 = constant<V>(0x1.6dbc4c0000000p-10f) * v18;
  const V v20 = v17 + v19;
  const V v22 = v11 * v20;
  const V v23 = v10 + v22;
  const V v24 = at_least(v0, constant<V>(-0x1.b800000000000p+6f));
  const M v25 = v5 > constant<V>(0x1.8001720000000p+23f);
  const V v26 = v5 - constant<V>(0x1.0000000000000p+6f);
  const V v27 = v25 ? v26 : v5;
  const V v28 = pow2(v27);
  const V v29 = v25 ? constant<V>(0x1.0000000000000p-64f) : constant<V>(0x1.0000000000000p+0f);
  const V v30 = v28 + v29;
  const V v31 = v30 - v28;
  const V v32 = v29 - v31;
  const V v33 = v28 * v23;
  const V v34 = v33 + v32;
  const V v35 = v30 + v34;
  const V v36 = v24 / v35;
  const V v37 = v36 * v29;
  return v37;
}

INLINE V mish_forward(const V v0) {
  const V v1 = at_least(v0, constant<V>(-0x1.e000000000000p+6f));
  const V v2 = at_most(v1, constant<V>(0x1.4000000000000p+4f));
  const V v3 = v2 * constant<V>(0x1.7154760000000p+0f);
  const V v4 = v3 + constant<V>(0x1.8000fe0000000p+23f);
  const V v5 = v4 - constant<V>(0x1.8000fe0000000p+23f);
  const V v6 = v5 * constant<V>(0x1.62e4000000000p-1f);
  const V v7 = v2 - v6;
  const V v8 = v5 * constant<V>(0x1.7f7d1c0000000p-20f);
  const V v9 = v7 - v8;
  const V v10 = v9 * v9;
  const V v11 = constant<V>(0x1.5554880000000p-3f) * v9;
  const V v12 = constant<V>(0x1.0000000000000p-1f) + v11;
  const V v13 = constant<V>(0x1.1241360000000p-7f) * v9;
  const V v14 = constant<V>(0x1.5554540000000p-5f) + v13;
  const V v15 = v14 * v10;
  const V v16 = v12 + v15;
  const V v17 = v10 * v10;
  const V v18 = constant<V>(0x1.6dbc4c0000000p-10f) * v17;
  const V v19 = v16 + v18;
  const V v21 = v10 * v19;
  const V v22 = v9 + v21;
  const M v23 = v4 < constant<V>(0x1.8000860000000p+23f);
  const V v24 = v4 + constant<V>(0x1.0000000000000p+6f);
  const V v25 = v23 ? v24 : v4;
  const V v26 = pow2(v25);
  const V v27 = v23 ? constant<V>(0x1.0000000000000p-64f) : constant<V>(0x1.0000000000000p+0f);
  const V v28 = v26 * v22;
  const V v29 = v26 + v28;
  const V v30 = v29 - v26;
  const V v31 = v28 - v30;
  const V v32 = v29 * v27;
  const V v33 = v32 + constant<V>(0x1.0000000000000p+1f);
  const V v34 = v33 - constant<V>(0x1.0000000000000p+1f);
  const V v35 = v32 - v34;
  const V v36 = v31 * v27;
  const V v37 = v35 + v36;
  const V v38 = v29 * v33;
  const V v39 = lost(v29, v33, v38);
  const V v40 = v29 * v37;
  const V v41 = v31 * v33;
  const V v42 = v40 + v41;
  const V v43 = v39 + v42;
  const V v44 = v38 * v27;
  const V v45 = v44 + constant<V>(0x1.0000000000000p+1f);
  const V v46 = v45 - constant<V>(0x1.0000000000000p+1f);
  const V v47 = v44 - v46;
  const V v48 = v43 * v27;
  const V v49 = v47 + v48;
  const V v50 = constant<V>(0x1.0000000000000p+0f) / v45;
  const V v51 = v1 * v38;
  const V v52 = lost(v1, v38, v51);
  const V v53 = v1 * v43;
  const V v54 = v52 + v53;
  const V v55 = v51 * v50;
  const V v56 = lost(v55, v45, v51);
  const V v57 = v55 * v49;
  const V v58 = v56 + v57;
  const V v59 = v54 - v58;
  const V v60 = v59 * v50;
  const M v61 = v0 > constant<V>(0x1.4000000000000p+4f);
  const V v62 = v55 + v60;
  const V v63 = v62 * v27;
  const V v64 = v61 ? v0 : v63;
  return v64;
}

INLINE V softplus_forward(const V v0) {
  const V v1 = magnitude(v0);
  const V v2 = v1 * constant<V>(-0x1.0000000000000p+0f);
  const V v3 = at_least(v2, constant<V>(-0x1.e000000000000p+6f));
  const V v4 = v3 * constant<V>(0x1.7154760000000p+0f);
  const V v5 = v4 + constant<V>(0x1.8000fe0000000p+23f);
  const V v6 = v5 - constant<V>(0x1.8000fe0000000p+23f);
  const V v7 = v6 * constant<V>(0x1.62e4000000000p-1f);
  const V v8 = v3 - v7;
  const V v9 = v6 * constant<V>(0x1.7f7d1c0000000p-20f);
  const V v10 = v8 - v9;
  const V v11 = v10 * v10;
  const V v12 = constant<V>(0x1.5554880000000p-3f) * v10;
  const V v13 = constant<V>(0x1.0000000000000p-1f) + v12;
  const V v14 = constant<V>(0x1.1241360000000p-7f) * v10;
  const V v15 = constant<V>(0x1.5554540000000p-5f) + v14;
  const V v16 = v15 * v11;
  const V v17 = v13 + v16;
  const V v18 = v11 * v11;
  const V v19 = constant<V>(0x1.6dbc4c0000000p-10f) * v18;
  const V v20 = v17 + v19;
  const V v22 = v11 * v20;
  const V v23 = v10 + v22;
  const M v24 = v5 < constant<V>(0x1.8000860000000p+23f);
  const V v25 = v5 + constant<V>(0x1.0000000000000p+6f);
  const V v26 = v24 ? v25 : v5;
  const V v27 = pow2(v26);
  const V v28 = v24 ? constant<V>(0x1.0000000000000p-64f) : constant<V>(0x1.0000000000000p+0f);
  const V v29 = v27 * v23;
  const V v30 = v27 + v29;
  const V v31 = v30 * v28;
  const V v32 = v30 - v27;
  const V v33 = v29 - v32;
  const V v34 = constant<V>(0x1.0000000000000p+1f) + v31;
  const V v35 = v31 / v34;
  const V v36 = v35 * v35;
  const V v37 = v35 + v35;
  const V v38 = constant<V>(0x1.0000000000000p+0f) - v37;
  const V v39 = v36 + v36;
  const V v40 = v38 + v39;
  const V v41 = v33 * v40;
  const V v42 = v34 - constant<V>(0x1.0000000000000p+1f);
  const V v43 = v31 - v42;
  const V v44 = v35 * v43;
  const V v45 = constant<V>(0x1.0000000000000p+0f) - v35;
  const V v46 = v44 * v45;
  const V v47 = v41 - v46;
  const V v48 = constant<V>(0x1.9996a80000000p-2f) * v36;
  const V v49 = constant<V>(0x1.5555580000000p-1f) + v48;
  const V v50 = constant<V>(0x1.b6d6a20000000p-3f) * v36;
  const V v51 = constant<V>(0x1.2509720000000p-2f) + v50;
  const V v52 = v36 * v36;
  const V v53 = v51 * v52;
  const V v54 = v49 + v53;
  const V v55 = v52 * v52;
  const V v56 = constant<V>(0x1.f1aee80000000p-3f) * v55;
  const V v57 = v54 + v56;
  const V v59 = v36 * v57;
  const V v60 = v35 * v59;
  const V v61 = v60 + v47;
  const V v62 = v37 + v61;
  const V v63 = at_least(v0, constant<V>(0x0.0p+0f));
  const M v64 = v28 < constant<V>(0x1.0000000000000p+0f);
  const V v65 = v64 ? v31 : v62;
  const V v66 = v63 + v65;
  return v66;
}

INLINE V sigmoid_forward(const V v0) {
  const V v1 = v0 * constant<V>(-0x1.0000000000000p+0f);
  const V v2 = at_least(v1, constant<V>(-0x1.4000000000000p+6f));
  const V v3 = at_most(v2, constant<V>(0x1.b800000000000p+6f));
  const V v4 = v3 * constant<V>(0x1.7154760000000p+0f);
  const V v5 = v4 + constant<V>(0x1.8000fe0000000p+23f);
  const V v6 = v5 - constant<V>(0x1.8000fe0000000p+23f);
  const V v7 = v6 * constant<V>(0x1.62e4000000000p-1f);
  const V v8 = v3 - v7;
  const V v9 = v6 * constant<V>(0x1.7f7d1c0000000p-20f);
  const V v10 = v8 - v9;
  const V v11 = v10 * v10;
  const V v12 = constant<V>(0x1.5554880000000p-3f) * v10;
  const V v13 = constant<V>(0x1.0000000000000p-1f) + v12;
  const V v14 = constant<V>(0x1.1241360000000p-7f) * v10;
  const V v15 = constant<V>(0x1.5554540000000p-5f) + v14;
  const V v16 = v15 * v11;
  const V v17 = v13 + v16;
  const V v18 = v11 * v11;
  const V v19 = constant<V>(0x1.6dbc4c0000000p-10f) * v18;
  const V v20 = v17 + v19;
  const V v22 = v11 * v20;
  const V v23 = v10 + v22;
  const V v24 = constant<V>(0x1.0000000000000p+0f);
  const M v25 = v5 > constant<V>(0x1.8001720000000p+23f);
  const V v26 = v5 - constant<V>(0x1.0000000000000p+6f);
  const V v27 = v25 ? v26 : v5;
  const V v28 = pow2(v27);
  const V v29 = v25 ? constant<V>(0x1.0000000000000p-64f) : constant<V>(0x1.0000000000000p+0f);
  const V v30 = v28 + v29;
  const V v31 = v30 - v28;
  const V v32 = v29 - v31;
  const V v33 = v28 * v23;
  const V v34 = v33 + v32;
  const V v35 = v30 + v34;
  const V v36 = v24 / v35;
  const V v37 = v36 * v29;
  return v37;
}

INLINE V tanh_forward(const V v0) {
  const V v1 = magnitude(v0);
  const V v2 = v1 * constant<V>(-0x1.0000000000000p+1f);
  const V v3 = at_least(v2, constant<V>(-0x1.4000000000000p+5f));
  const V v4 = v3 * constant<V>(0x1.7154760000000p+0f);
  const V v5 = v4 + constant<V>(0x1.8000fe0000000p+23f);
  const V v6 = v5 - constant<V>(0x1.8000fe0000000p+23f);
  const V v7 = v6 * constant<V>(0x1.62e4000000000p-1f);
  const V v8 = v3 - v7;
  const V v9 = v6 * constant<V>(0x1.7f7d1c0000000p-20f);
  const V v10 = v8 - v9;
  const V v11 = v10 * v10;
  const V v12 = constant<V>(0x1.5554880000000p-3f) * v10;
  const V v13 = constant<V>(0x1.0000000000000p-1f) + v12;
  const V v14 = constant<V>(0x1.1241360000000p-7f) * v10;
  const V v15 = constant<V>(0x1.5554540000000p-5f) + v14;
  const V v16 = v15 * v11;
  const V v17 = v13 + v16;
  const V v18 = v11 * v11;
  const V v19 = constant<V>(0x1.6dbc4c0000000p-10f) * v18;
  const V v20 = v17 + v19;
  const V v22 = v11 * v20;
  const V v23 = v10 + v22;
  const V v24 = pow2(v5);
  const D v25 = wide(v24);
  const D v26 = wide(v23);
  const D v27 = v25 * v26;
  const D v28 = v25 - constant<D>(0x1.0000000000000p+0);
  const D v29 = v27 + v28;
  const D v30 = v29 * constant<D>(-0x1.0000000000000p+0);
  const D v31 = v29 + constant<D>(0x1.0000000000000p+1);
  const V v32 = narrow(v31);
  const V v33 = constant<V>(0x1.0000000000000p+0f) / v32;
  const D v34 = wide(v33);
  const D v35 = v34 * v31;
  const D v36 = constant<D>(0x1.0000000000000p+1) - v35;
  const D v37 = v34 * v36;
  const D v38 = v30 * v37;
  const V v39 = narrow(v38);
  const M v40 = v0 < constant<V>(0x0.0p+0f);
  const V v41 = v39 * constant<V>(-0x1.0000000000000p+0f);
  const V v42 = v40 ? v41 : v39;
  return v42;
}

INLINE V hardsigmoid_forward(const V v0) {
  const V v1 = at_least(v0, constant<V>(-0x1.8000000000000p+1f));
  const V v2 = at_most(v1, constant<V>(0x1.8000000000000p+1f));
  const D v3 = wide(v2);
  const D v4 = v3 + constant<D>(0x1.8000000000000p+1);
  const D v5 = v4 * constant<D>(0x1.5555555555555p-3);
  const V v6 = narrow(v5);
  return v6;
}

INLINE Parts identity_parts(const V v0) {
  const V v1 = constant<V>(0x0.0p+0f);
  const V v2 = constant<V>(0x1.0000000000000p+0f);
  return Parts{v0, v1, v2};
}

INLINE Parts relu_parts(const V v0) {
  const V v1 = at_least(v0, constant<V>(0x0.0p+0f));
  const V v2 = at_most(v0, constant<V>(0x0.0p+0f));
  const M v3 = v0 <= constant<V>(0x0.0p+0f);
  const V v4 = v3 ? constant<V>(0x0.0p+0f) : constant<V>(0x1.0000000000000p+0f);
  return Parts{v1, v2, v4};
}

INLINE Parts leaky_relu_parts(const V v0) {
  const M v1 = v0 <= constant<V>(0x0.0p+0f);
  const V v2 = v1 ? constant<V>(0x1.47ae140000000p-7f) : constant<V>(0x1.0000000000000p+0f);
  const M v3 = v0 < constant<V>(0x0.0p+0f);
  const V v4 = v0 * constant<V>(0x1.47ae140000000p-7f);
  const V v5 = v3 ? v4 : v0;
  const M v6 = v0 > constant<V>(0x0.0p+0f);
  const V v7 = v0 * constant<V>(0x1.fae1480000000p-1f);
  const V v8 = v6 ? constant<V>(0x0.0p+0f) : v7;
  return Parts{v5, v8, v2};
}

INLINE Parts relu6_parts(const V v0) {
  const V v1 = at_least(v0, constant<V>(0x0.0p+0f));
  const V v2 = at_most(v1, constant<V>(0x1.8000000000000p+2f));
  const M v3 = v0 > constant<V>(0x0.0p+0f);
  const V v4 = v0 - constant<V>(0x1.8000000000000p+2f);
  const V v5 = at_least(v4, constant<V>(0x0.0p+0f));
  const V v6 = v3 ? v5 : v0;
  const M v7 = v0 <= constant<V>(0x0.0p+0f);
  const M v8 = v0 >= constant<V>(0x1.8000000000000p+2f);
  const V v9 = v8 ? constant<V>(0x0.0p+0f) : constant<V>(0x1.0000000000000p+0f);
  const V v10 = v7 ? constant<V>(0x0.0p+0f) : v9;
  return Parts{v2, v6, v10};
}

INLINE Parts squared_relu_parts(const V v0) {
  const V v1 = at_least(v0, constant<V>(0x0.0p+0f));
  const V v2 = v1 * v1;
  const V v3 = constant<V>(0x1.0000000000000p+0f) - v1;
  const V v4 = v0 * v3;
  const V v5 = v1 + v1;
  return Parts{v2, v4, v5};
}

INLINE Parts hardswish_parts(const V v0) {
  const V v1 = at_least(v0, constant<V>(-0x1.8000000000000p+1f));
  const V v2 = at_most(v0, constant<V>(0x1.8000000000000p+1f));
  const V v3 = at_most(v1, constant<V>(0x1.8000000000000p+1f));
  const M v4 = v0 <= constant<V>(-0x1.8000000000000p+1f);
  const M v5 = v0 >= constant<V>(0x1.8000000000000p+1f);
  const V v6 = v3 * constant<V>(0x1.5555560000000p-2f);
  const V v7 = v6 + constant<V>(0x1.0000000000000p-1f);
  const V v8 = v5 ? constant<V>(0x1.0000000000000p+0f) : v7;
  const V v9 = v4 ? constant<V>(0x0.0p+0f) : v8;
  const V v10 = v3 + constant<V>(0x1.8000000000000p+1f);
  const V v11 = v10 * constant<V>(0x1.5555560000000p-3f);
  const V v12 = v1 * v11;
  const V v13 = constant<V>(0x1.8000000000000p+1f) - v3;
  const V v14 = v13 * constant<V>(0x1.5555560000000p-3f);
  const V v15 = v2 * v14;
  return Parts{v12, v15, v9};
}

INLINE Parts elu_parts(const V v0) {
  const V v1 = at_most(v0, constant<V>(0x0.0p+0f));
  const V v2 = at_least(v1, constant<V>(-0x1.5c00000000000p+6f));
  const V v3 = v2 * constant<V>(0x1.7154760000000p+0f);
  const V v4 = v3 + constant<V>(0x1.8000fe0000000p+23f);
  const V v5 = v4 - constant<V>(0x1.8000fe0000000p+23f);
  const V v6 = v5 * constant<V>(0x1.62e4000000000p-1f);
  const V v7 = v2 - v6;
  const V v8 = v5 * constant<V>(0x1.7f7d1c0000000p-20f);
  const V v9 = v7 - v8;
  const V v10 = v9 * v9;
  const V v11 = constant<V>(0x1.5554880000000p-3f) * v9;
  const V v12 = constant<V>(0x1.0000000000000p-1f) + v11;
  const V v13 = constant<V>(0x1.1241360000000p-7f) * v9;
  const V v14 = constant<V>(0x1.5554540000000p-5f) + v13;
  const V v15 = v14 * v10;
  const V v16 = v12 + v15;
  const V v17 = v10 * v10;
  const V v18 = constant<V>(0x1.6dbc4c0000000p-10f) * v17;
  const V v19 = v16 + v18;
  const V v21 = v10 * v19;
  const V v22 = v9 + v21;
  const V v23 = pow2(v4);
  const V v24 = v23 * v22;
  const V v25 = v23 - constant<V>(0x1.0000000000000p+0f);
  const V v26 = v24 + v25;
  const M v27 = v4 < constant<V>(0x1.8000fe0000000p+23f);
  const V v28 = v0 - v26;
  const V v29 = v21 * constant<V>(-0x1.0000000000000p+0f);
  const V v30 = v27 ? v28 : v29;
  const V v31 = v23 + v24;
  const M v38 = v0 > constant<V>(0x0.0p+0f);
  const V v39 = v38 ? v0 : v26;
  const V v40 = v38 ? constant<V>(0x0.0p+0f) : v30;
  const V v41 = v38 ? constant<V>(0x1.0000000000000p+0f) : v31;
  return Parts{v39, v40, v41};
}

INLINE Parts celu_parts(const V v0) {
  const V v1 = at_most(v0, constant<V>(0x0.0p+0f));
  const V v2 = at_least(v1, constant<V>(-0x1.5c00000000000p+6f));
  const V v3 = v2 * constant<V>(0x1.7154760000000p+0f);
  const V v4 = v3 + constant<V>(0x1.8000fe0000000p+23f);
  const V v5 = v4 - constant<V>(0x1.8000fe0000000p+23f);
  const V v6 = v5 * constant<V>(0x1.62e4000000000p-1f);
  const V v7 = v2 - v6;
  const V v8 = v5 * constant<V>(0x1.7f7d1c0000000p-20f);
  const V v9 = v7 - v8;
  const V v10 = v9 * v9;
  const V v11 = constant<V>(0x1.5554880000000p-3f) * v9;
  const V v12 = constant<V>(0x1.0000000000000p-1f) + v11;
  const V v13 = constant<V>(0x1.1241360000000p-7f) * v9;
  const V v14 = constant<V>(0x1.5554540000000p-5f) + v13;
  const V v15 = v14 * v10;
  const V v16 = v12 + v15;
  const V v17 = v10 * v10;
  const V v18 = constant<V>(0x1.6dbc4c0000000p-10f) * v17;
  const V v19 = v16 + v18;
  const V v21 = v10 * v19;
  const V v22 = v9 + v21;
  const V v23 = pow2(v4);
  const V v24 = v23 * v22;
  const V v25 = v23 - constant<V>(0x1.0000000000000p+0f);
  const V v26 = v24 + v25;
  const M v27 = v4 < constant<V>(0x1.8000fe0000000p+23f);
  const V v28 = v0 - v26;
  const V v29 = v21 * constant<V>(-0x1.0000000000000p+0f);
  const V v30 = v27 ? v28 : v29;
  const V v31 = v23 + v24;
  const M v38 = v0 > constant<V>(0x0.0p+0f);
  const V v39 = v38 ? v0 : v26;
  const V v40 = v38 ? constant<V>(0x0.0p+0f) : v30;
  const V v41 = v38 ? constant<V>(0x1.0000000000000p+0f) : v31;
  return Parts{v39, v40, v41};
}

INLINE Parts selu_parts(const V v0) {
  const V v1 = at_most(v0, constant<V>(0x0.0p+0f));
  const V v2 = at_least(v1, constant<V>(-0x1.5c00000000000p+6f));
  const V v3 = v2 * constant<V>(0x1.7154760000000p+0f);
  const V v4 = v3 + constant<V>(0x1.8000fe0000000p+23f);
  const V v5 = v4 - constant<V>(0x1.8000fe0000000p+23f);
  const V v6 = v5 * constant<V>(0x1.62e4000000000p-1f);
  const V v7 = v2 - v6;
  const V v8 = v5 * constant<V>(0x1.7f7d1c0000000p-20f);
  const V v9 = v7 - v8;
  const V v10 = v9 * v9;
  const V v11 = constant<V>(0x1.5554880000000p-3f) * v9;
  const V v12 = constant<V>(0x1.0000000000000p-1f) + v11;
  const V v13 = constant<V>(0x1.1241360000000p-7f) * v9;
  const V v14 = constant<V>(0x1.5554540000000p-5f) + v13;
  const V v15 = v14 * v10;
  const V v16 = v12 + v15;
  const V v17 = v10 * v10;
  const V v18 = constant<V>(0x1.6dbc4c0000000p-10f) * v17;
  const V v19 = v16 + v18;
  const V v21 = v10 * v19;
  const V v22 = v9 + v21;
  const V v23 = pow2(v4);
  const V v24 = v23 * v22;
  const V v25 = v23 - constant<V>(0x1.0000000000000p+0f);
  const V v26 = v24 + v25;
  const V v31 = v23 + v24;
  const M v38 = v0 > constant<V>(0x0.0p+0f);
  const V v39 = v26 * constant<V>(0x1.c212cc0000000p+0f);
  const V v40 = v0 * constant<V>(-0x1.9f57ae0000000p-5f);
  const V v41 = v0 - v39;
  const V v42 = v38 ? v40 : v41;
  const V v43 = v0 * constant<V>(0x1.0cfabe0000000p+0f);
  const V v44 = v38 ? v43 : v39;
  const V v45 = v31 * constant<V>(0x1.c212cc0000000p+0f);
  const V v46 = v38 ? constant<V>(0x1.0cfabe0000000p+0f) : v45;
  return Parts{v44, v42, v46};
}

INLINE Parts gelu_parts(const V v0) {
  const V v1 = magnitude(v0);
  const V v2 = at_most(v1, constant<V>(0x1.a000000000000p+3f));
  const V v3 = v2 * v2;
  const V v4 = v3 * constant<V>(-0x1.7154760000000p-1f);
  const V v5 = v4 + constant<V>(0x1.8000fe0000000p+23f);
  const V v6 = pow2(v5);
  const V v7 = v5 - constant<V>(0x1.8000fe0000000p+23f);
  const V v8 = v4 - v7;
  const V v9 = constant<V>(0x1.62e42a0000000p-1f) * v8;
  const V v10 = constant<V>(0x1.0000000000000p+0f) + v9;
  const V v11 = constant<V>(0x1.c6b7520000000p-5f) * v8;
  const V v12 = constant<V>(0x1.ebf9bc0000000p-3f) + v11;
  const V v13 = constant<V>(0x1.5bba140000000p-10f) * v8;
  const V v14 = constant<V>(0x1.3cea880000000p-7f) + v13;
  const V v15 = v8 * v8;
  const V v16 = v12 * v15;
  const V v17 = v10 + v16;
  const V v18 = v15 * v15;
  const V v19 = v14 * v18;
  const V v20 = v17 + v19;
  const V v22 = v6 * v20;
  const V v23 = v2 + constant<V>(0x1.c000000000000p+1f);
  const V v24 = constant<V>(0x1.0000000000000p+0f) / v23;
  const V v25 = v22 * v24;
  const V v26 = v24 * constant<V>(0x1.c000000000000p+2f);
  const V v27 = constant<V>(0x1.0000000000000p+0f) - v26;
  const V v28 = constant<V>(-0x1.2190fc0000000p-1f) * v27;
  const V v29 = constant<V>(0x1.7d24180000000p-1f) + v28;
  const V v30 = constant<V>(-0x1.db8e140000000p-4f) * v27;
  const V v31 = constant<V>(0x1.42ff940000000p-2f) + v30;
  const V v32 = constant<V>(0x1.b93d2a0000000p-8f) * v27;
  const V v33 = constant<V>(0x1.1c8a080000000p-6f) + v32;
  const V v34 = constant<V>(-0x1.a59f2e0000000p-11f) * v27;
  const V v35 = constant<V>(-0x1.81f0b00000000p-9f) + v34;
  const V v36 = v27 * v27;
  const V v37 = v31 * v36;
  const V v38 = v29 + v37;
  const V v39 = v35 * v36;
  const V v40 = v33 + v39;
  const V v41 = v36 * v36;
  const V v42 = v40 * v41;
  const V v43 = v38 + v42;
  const V v45 = v25 * v43;
  const V v46 = v2 * v45;
  const V v47 = v2 * v22;
  const V v48 = v47 * constant<V>(0x1.9884540000000p-2f);
  const V v49 = v45 - v48;
  const V v50 = at_least(v0, constant<V>(0x0.0p+0f));
  const V v51 = v50 - v46;
  const V v52 = at_most(v0, constant<V>(0x0.0p+0f));
  const V v53 = v52 + v46;
  const M v54 = v0 > constant<V>(0x0.0p+0f);
  const V v55 = constant<V>(0x1.0000000000000p+0f) - v49;
  const V v56 = v54 ? v55 : v49;
  return Parts{v51, v53, v56};
}

INLINE Parts gelu_tanh_parts(const V v0) {
  const V v1 = at_least(v0, constant<V>(-0x1.3000000000000p+3f));
  const V v2 = at_most(v0, constant<V>(0x1.3000000000000p+3f));
  const V v3 = at_most(v1, constant<V>(0x1.3000000000000p+3f));
  const V v4 = v3 * v3;
  const V v5 = v4 * constant<V>(-0x1.a5a7d00000000p-4f);
  const V v6 = v5 - constant<V>(0x1.26aec20000000p+1f);
  const V v7 = v3 * v6;
  const V v8 = v7 + constant<V>(0x1.8000fe0000000p+23f);
  const V v9 = pow2(v8);
  const V v10 = v8 - constant<V>(0x1.8000fe0000000p+23f);
  const V v11 = v7 - v10;
  const V v12 = constant<V>(0x1.62e42a0000000p-1f) * v11;
  const V v13 = constant<V>(0x1.0000000000000p+0f) + v12;
  const V v14 = constant<V>(0x1.c6b7520000000p-5f) * v11;
  const V v15 = constant<V>(0x1.ebf9bc0000000p-3f) + v14;
  const V v16 = constant<V>(0x1.5bba140000000p-10f) * v11;
  const V v17 = constant<V>(0x1.3cea880000000p-7f) + v16;
  const V v18 = v11 * v11;
  const V v19 = v15 * v18;
  const V v20 = v13 + v19;
  const V v21 = v18 * v18;
  const V v22 = v17 * v21;
  const V v23 = v20 + v22;
  const V v25 = v9 * v23;
  const V v26 = constant<V>(0x1.0000000000000p+0f) + v25;
  const V v27 = constant<V>(0x1.0000000000000p+0f) / v26;
  const V v28 = v25 * v27;
  const V v29 = v4 * constant<V>(0x1.b6676c0000000p-3f);
  const V v30 = v29 + constant<V>(0x1.9884540000000p+0f);
  const V v31 = v3 * v30;
  const V v32 = v1 * v27;
  const V v33 = v2 * v28;
  const V v34 = v27 * v28;
  const V v35 = v31 * v34;
  const V v36 = v27 + v35;
  return Parts{v32, v33, v36};
}

INLINE Parts silu_parts(const V v0) {
  const V v1 = at_least(v0, constant<V>(-0x1.5c00000000000p+6f));
  const V v2 = at_most(v0, constant<V>(0x1.5c00000000000p+6f));
  const V v3 = at_most(v1, constant<V>(0x1.5c00000000000p+6f));
  const V v4 = v3 * constant<V>(-0x1.7154760000000p+0f);
  const V v5 = v4 + constant<V>(0x1.8000fe0000000p+23f);
  const V v6 = pow2(v5);
  const V v7 = v5 - constant<V>(0x1.8000fe0000000p+23f);
  const V v8 = v4 - v7;
  const V v9 = constant<V>(0x1.62e42a0000000p-1f) * v8;
  const V v10 = constant<V>(0x1.0000000000000p+0f) + v9;
  const V v11 = constant<V>(0x1.c6b7520000000p-5f) * v8;
  const V v12 = constant<V>(0x1.ebf9bc0000000p-3f) + v11;
  const V v13 = constant<V>(0x1.5bba140000000p-10f) * v8;
  const V v14 = constant<V>(0x1.3cea880000000p-7f) + v13;
  const V v15 = v8 * v8;
  const V v16 = v12 * v15;
  const V v17 = v10 + v16;
  const V v18 = v15 * v15;
  const V v19 = v14 * v18;
  const V v20 = v17 + v19;
  const V v22 = v6 * v20;
  const V v23 = constant<V>(0x1.0000000000000p+0f) + v22;
  const V v24 = constant<V>(0x1.0000000000000p+0f) / v23;
  const V v25 = v22 * v24;
  const V v26 = v1 * v24;
  const V v27 = v2 * v25;
  const V v28 = v3 * v24;
  const V v29 = v28 * v25;
  const V v30 = v24 + v29;
  return Parts{v26, v27, v30};
}

INLINE Parts mish_parts(const V v0) {
  const V v1 = at_least(v0, constant<V>(-0x1.5c00000000000p+6f));
  const V v2 = at_most(v0, constant<V>(0x1.4000000000000p+5f));
  const V v3 = at_most(v1, constant<V>(0x1.4000000000000p+5f));
  const V v4 = v3 * constant<V>(0x1.7154760000000p+0f);
  const V v5 = v4 + constant<V>(0x1.8000fe0000000p+23f);
  const V v6 = pow2(v5);
  const V v7 = v5 - constant<V>(0x1.8000fe0000000p+23f);
  const V v8 = v4 - v7;
  const V v9 = constant<V>(0x1.62e42a0000000p-1f) * v8;
  const V v10 = constant<V>(0x1.0000000000000p+0f) + v9;
  const V v11 = constant<V>(0x1.c6b7520000000p-5f) * v8;
  const V v12 = constant<V>(0x1.ebf9bc0000000p-3f) + v11;
  const V v13 = constant<V>(0x1.5bba140000000p-10f) * v8;
  const V v14 = constant<V>(0x1.3cea880000000p-7f) + v13;
  const V v15 = v8 * v8;
  const V v16 = v12 * v15;
  const V v17 = v10 + v16;
  const V v18 = v15 * v15;
  const V v19 = v14 * v18;
  const V v20 = v17 + v19;
  const V v22 = v6 * v20;
  const V v23 = v22 + constant<V>(0x1.0000000000000p+1f);
  const V v24 = v22 * v23;
  const V v25 = v24 + constant<V>(0x1.0000000000000p+1f);
  const V v26 = constant<V>(0x1.0000000000000p+0f) / v25;
  const V v27 = v24 * v26;
  const V v28 = v22 * v26;
  const V v29 = v28 * constant<V>(0x1.0000000000000p+2f);
  const V v30 = constant<V>(0x1.0000000000000p+0f) + v22;
  const V v31 = v30 * v26;
  const V v32 = v29 * v31;
  const V v33 = v3 * v32;
  const V v34 = v27 + v33;
  const V v35 = v1 * v27;
  const V v36 = v2 + v2;
  const V v37 = v36 * v26;
  return Parts{v35, v37, v34};
}

INLINE Parts softplus_parts(const V v0) {
  const V v1 = magnitude(v0);
  const V v2 = at_most(v1, constant<V>(0x1.5c00000000000p+6f));
  const V v3 = v2 * constant<V>(-0x1.7154760000000p+0f);
  const V v4 = v3 + constant<V>(0x1.8000fe0000000p+23f);
  const V v5 = pow2(v4);
  const V v6 = v4 - constant<V>(0x1.8000fe0000000p+23f);
  const V v7 = v3 - v6;
  const V v8 = constant<V>(0x1.62e42a0000000p-1f) * v7;
  const V v9 = constant<V>(0x1.0000000000000p+0f) + v8;
  const V v10 = constant<V>(0x1.c6b7520000000p-5f) * v7;
  const V v11 = constant<V>(0x1.ebf9bc0000000p-3f) + v10;
  const V v12 = constant<V>(0x1.5bba140000000p-10f) * v7;
  const V v13 = constant<V>(0x1.3cea880000000p-7f) + v12;
  const V v14 = v7 * v7;
  const V v15 = v11 * v14;
  const V v16 = v9 + v15;
  const V v17 = v14 * v14;
  const V v18 = v13 * v17;
  const V v19 = v16 + v18;
  const V v21 = v5 * v19;
  const V v22 = v21 + constant<V>(0x1.0000000000000p+0f);
  const V v23 = v21 + constant<V>(0x1.0000000000000p+1f);
  const V v24 = v22 * v23;
  const V v25 = constant<V>(0x1.0000000000000p+0f) / v24;
  const V v26 = v23 * v25;
  const V v27 = v21 * v22;
  const V v28 = v27 * v25;
  const V v29 = v28 * v28;
  const V v30 = v28 + v28;
  const V v31 = constant<V>(0x1.9996a80000000p-2f) * v29;
  const V v32 = constant<V>(0x1.5555580000000p-1f) + v31;
  const V v33 = constant<V>(0x1.b6d6a20000000p-3f) * v29;
  const V v34 = constant<V>(0x1.2509720000000p-2f) + v33;
  const V v35 = v29 * v29;
  const V v36 = v34 * v35;
  const V v37 = v32 + v36;
  const V v38 = v35 * v35;
  const V v39 = constant<V>(0x1.f1aee80000000p-3f) * v38;
  const V v40 = v37 + v39;
  const V v42 = v29 * v40;
  const V v43 = v28 * v42;
  const V v44 = v30 + v43;
  const M v45 = v0 > constant<V>(0x0.0p+0f);
  const V v46 = at_least(v0, constant<V>(0x0.0p+0f));
  const V v47 = v46 + v44;
  const V v48 = v45 ? constant<V>(0x0.0p+0f) : v0;
  const V v49 = v48 - v44;
  const V v50 = v21 * v26;
  const V v51 = v45 ? v26 : v50;
  return Parts{v47, v49, v51};
}

INLINE Parts sigmoid_parts(const V v0) {
  const V v1 = at_least(v0, constant<V>(-0x1.5c00000000000p+6f));
  const V v3 = at_most(v1, constant<V>(0x1.5c00000000000p+6f));
  const V v4 = v3 * constant<V>(-0x1.7154760000000p+0f);
  const V v5 = v4 + constant<V>(0x1.8000fe0000000p+23f);
  const V v6 = pow2(v5);
  const V v7 = v5 - constant<V>(0x1.8000fe0000000p+23f);
  const V v8 = v4 - v7;
  const V v9 = constant<V>(0x1.62e42a0000000p-1f) * v8;
  const V v10 = constant<V>(0x1.0000000000000p+0f) + v9;
  const V v11 = constant<V>(0x1.c6b7520000000p-5f) * v8;
  const V v12 = constant<V>(0x1.ebf9bc0000000p-3f) + v11;
  const V v13 = constant<V>(0x1.5bba140000000p-10f) * v8;
  const V v14 = constant<V>(0x1.3cea880000000p-7f) + v13;
  const V v15 = v8 * v8;
  const V v16 = v12 * v15;
  const V v17 = v10 + v16;
  const V v18 = v15 * v15;
  const V v19 = v14 * v18;
  const V v20 = v17 + v19;
  const V v22 = v6 * v20;
  const V v23 = constant<V>(0x1.0000000000000p+0f) + v22;
  const V v24 = constant<V>(0x1.0000000000000p+0f) / v23;
  const V v25 = v22 * v24;
  const V v26 = v0 - v24;
  const V v27 = v24 * v25;
  return Parts{v24, v26, v27};
}

INLINE Parts tanh_parts(const V v0) {
  const V v1 = magnitude(v0);
  const V v2 = v1 * constant<V>(-0x1.0000000000000p+1f);
  const V v3 = at_least(v2, constant<V>(-0x1.5c00000000000p+6f));
  const V v4 = v3 * constant<V>(0x1.7154760000000p+0f);
  const V v5 = v4 + constant<V>(0x1.8000fe0000000p+23f);
  const V v6 = v5 - constant<V>(0x1.8000fe0000000p+23f);
  const V v7 = v6 * constant<V>(0x1.62e4000000000p-1f);
  const V v8 = v3 - v7;
  const V v9 = v6 * constant<V>(0x1.7f7d1c0000000p-20f);
  const V v10 = v8 - v9;
  const V v11 = v10 * v10;
  const V v12 = constant<V>(0x1.5554880000000p-3f) * v10;
  const V v13 = constant<V>(0x1.0000000000000p-1f) + v12;
  const V v14 = constant<V>(0x1.1241360000000p-7f) * v10;
  const V v15 = constant<V>(0x1.5554540000000p-5f) + v14;
  const V v16 = v15 * v11;
  const V v17 = v13 + v16;
  const V v18 = v11 * v11;
  const V v19 = constant<V>(0x1.6dbc4c0000000p-10f) * v18;
  const V v20 = v17 + v19;
  const V v22 = v11 * v20;
  const V v23 = v10 + v22;
  const V v24 = pow2(v5);
  const V v25 = v24 * v23;
  const V v26 = v24 - constant<V>(0x1.0000000000000p+0f);
  const V v27 = v25 + v26;
  const V v28 = v27 + constant<V>(0x1.0000000000000p+1f);
  const V v29 = constant<V>(0x1.0000000000000p+0f) / v28;
  const V v30 = v27 * constant<V>(-0x1.0000000000000p+0f);
  const V v31 = v30 * v29;
  const M v32 = v0 < constant<V>(0x0.0p+0f);
  const V v33 = v31 * constant<V>(-0x1.0000000000000p+0f);
  const V v34 = v32 ? v33 : v31;
  const V v35 = v0 * v0;
  const M v36 = v35 < constant<V>(0x1.0000000000000p+0f);
  const V v37 = v0 * v35;
  const V v38 = constant<V>(-0x1.1110f60000000p-3f) * v35;
  const V v39 = constant<V>(0x1.5555560000000p-2f) + v38;
  const V v40 = constant<V>(-0x1.65b21a0000000p-6f) * v35;
  const V v41 = constant<V>(0x1.ba125a0000000p-5f) + v40;
  const V v42 = constant<V>(-0x1.a5a8960000000p-9f) * v35;
  const V v43 = constant<V>(0x1.1d3d7c0000000p-7f) + v42;
  const V v44 = constant<V>(-0x1.2fdd9e0000000p-13f) * v35;
  const V v45 = constant<V>(0x1.e80cf00000000p-11f) + v44;
  const V v46 = v35 * v35;
  const V v47 = v41 * v46;
  const V v48 = v39 + v47;
  const V v49 = v45 * v46;
  const V v50 = v43 + v49;
  const V v51 = v46 * v46;
  const V v52 = v50 * v51;
  const V v53 = v48 + v52;
  const V v55 = v37 * v53;
  const V v56 = v0 - v34;
  const V v57 = v36 ? v55 : v56;
  const V v58 = v24 + v25;
  const V v59 = v58 * constant<V>(0x1.0000000000000p+2f);
  const V v60 = v29 * v29;
  const V v61 = v59 * v60;
  return Parts{v34, v57, v61};
}

INLINE Parts hardsigmoid_parts(const V v0) {
  const V v1 = at_least(v0, constant<V>(-0x1.8000000000000p+1f));
  const V v2 = at_most(v1, constant<V>(0x1.8000000000000p+1f));
  const V v3 = v2 + constant<V>(0x1.8000000000000p+1f);
  const V v4 = v3 * constant<V>(0x1.5555560000000p-3f);
  const V v5 = v0 - v4;
  const M v6 = v0 <= constant<V>(-0x1.8000000000000p+1f);
  const M v7 = v0 >= constant<V>(0x1.8000000000000p+1f);
  const V v8 = v7 ? constant<V>(0x0.0p+0f) : constant<V>(0x1.5555560000000p-3f);
  const V v9 = v6 ? constant<V>(0x0.0p+0f) : v8;
  return Parts{v4, v5, v9};
}

#define FOR_EACH_BASE(DO) \
  DO(0, identity) \
  DO(1, relu) \
  DO(2, leaky_relu) \
  DO(3, relu6) \
  DO(4, squared_relu) \
  DO(5, hardswish) \
  DO(6, elu) \
  DO(7, celu) \
  DO(8, selu) \
  DO(9, gelu) \
  DO(10, gelu_tanh) \
  DO(11, silu) \
  DO(12, mish) \
  DO(13, softplus) \
  DO(14, sigmoid) \
  DO(15, tanh) \
  DO(16, hardsigmoid)
