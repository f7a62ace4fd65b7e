"""Written by fused_source.py from fused_formulas.py; not edited by hand."""
# mypy: ignore-errors

import triton
import triton.language as tl


@triton.jit
def identity_forward(v0):
    return v0


@triton.jit
def relu_forward(v0):
    v1 = tl.where(v0 < 0.0, 0.0, v0)
    return v1


@triton.jit
def leaky_relu_forward(v0):
    v1 = v0 < 0.0
    v2 = v0 * 0.009999999776482582
    v3 = tl.where(v1, v2, v0)
    return v3


@triton.jit
def relu6_forward(v0):
    v1 = tl.where(v0 < 0.0, 0.0, v0)
    v2 = tl.where(v1 > 6.0, 6.0, v1)
    return v2


@triton.jit
def squared_relu_forward(v0):
    v1 = tl.where(v0 < 0.0, 0.0, v0)
    v2 = v1 * v1
    return v2


@triton.jit
def hardswish_forward(v0):
    v1 = tl.where(v0 < -3.0, -3.0, v0)
    v2 = v1.to(tl.float64)
    v3 = tl.where(v1 > 3.0, 3.0, v1)
    v4 = v3.to(tl.float64)
    v5 = v4 + tl.full(v0.shape, 3.0, tl.float64)
    v6 = v2 * v5
    v7 = v6 * tl.full(v0.shape, 0.16666666666666666, tl.float64)
    v8 = v7.to(tl.float32)
    return v8


@triton.jit
def elu_forward(v0):
    v1 = v0 >= 0.0
    v2 = tl.where(v0 > 0.0, 0.0, v0)
    v3 = tl.where(v2 < -87.0, -87.0, v2)
    v4 = v3 * 1.4426950216293335
    v5 = v4 + 12583039.0
    v6 = v5 - 12583039.0
    v7 = v6 * 0.693145751953125
    v8 = v3 - v7
    v9 = v6 * 1.428606765330187e-06
    v10 = v8 - v9
    v11 = v10 * v10
    v12 = 0.16666513681411743 * v10
    v13 = 0.5 + v12
    v14 = 0.008369590155780315 * v10
    v15 = 0.0416661873459816 + v14
    v16 = v15 * v11
    v17 = v13 + v16
    v18 = v11 * v11
    v19 = 0.0013951703440397978 * v18
    v20 = v17 + v19
    v22 = v11 * v20
    v23 = v10 + v22
    v24 = (v5.to(tl.int32, bitcast=True) << 23).to(tl.float32, bitcast=True)
    v25 = v24 * v23
    v26 = v24 - 1.0
    v27 = v25 + v26
    v33 = tl.where(v1, v0, v27)
    return v33


@triton.jit
def celu_forward(v0):
    v1 = v0 >= 0.0
    v2 = tl.where(v0 > 0.0, 0.0, v0)
    v3 = tl.where(v2 < -87.0, -87.0, v2)
    v4 = v3 * 1.4426950216293335
    v5 = v4 + 12583039.0
    v6 = v5 - 12583039.0
    v7 = v6 * 0.693145751953125
    v8 = v3 - v7
    v9 = v6 * 1.428606765330187e-06
    v10 = v8 - v9
    v11 = v10 * v10
    v12 = 0.16666513681411743 * v10
    v13 = 0.5 + v12
    v14 = 0.008369590155780315 * v10
    v15 = 0.0416661873459816 + v14
    v16 = v15 * v11
    v17 = v13 + v16
    v18 = v11 * v11
    v19 = 0.0013951703440397978 * v18
    v20 = v17 + v19
    v22 = v11 * v20
    v23 = v10 + v22
    v24 = (v5.to(tl.int32, bitcast=True) << 23).to(tl.float32, bitcast=True)
    v25 = v24 * v23
    v26 = v24 - 1.0
    v27 = v25 + v26
    v33 = tl.where(v1, v0, v27)
    return v33


@triton.jit
def selu_forward(v0):
    v1 = tl.where(v0 > 0.0, 0.0, v0)
    v2 = tl.where(v1 < -87.0, -87.0, v1)
    v3 = v2 * 1.4426950216293335
    v4 = v3 + 12583039.0
    v5 = v4 - 12583039.0
    v6 = v5 * 0.693145751953125
    v7 = v2 - v6
    v8 = v5 * 1.428606765330187e-06
    v9 = v7 - v8
    v10 = v9 * v9
    v11 = 0.16666513681411743 * v9
    v12 = 0.5 + v11
    v13 = 0.008369590155780315 * v9
    v14 = 0.0416661873459816 + v13
    v15 = v14 * v10
    v16 = v12 + v15
    v17 = v10 * v10
    v18 = 0.0013951703440397978 * v17
    v19 = v16 + v18
    v21 = v10 * v19
    v22 = v9 + v21
    v23 = (v4.to(tl.int32, bitcast=True) << 23).to(tl.float32, bitcast=True)
    v24 = v23 * v22
    v25 = v23 - 1.0
    v26 = v24 + v25
    v32 = v26.to(tl.float64)
    v33 = v32 * tl.full(v0.shape, 1.7580993408473766, tl.float64)
    v34 = v33.to(tl.float32)
    v35 = v0 >= 0.0
    v36 = v0 * 1.0507010221481323
    v37 = tl.where(v35, v36, v34)
    return v37


@triton.jit
def gelu_forward(v0):
    v1 = tl.abs(v0)
    v2 = tl.where(v1 > 15.0, 15.0, v1)
    v3 = (v2.to(tl.int32, bitcast=True) & -4096).to(tl.float32, bitcast=True)
    v4 = v3 * v3
    v5 = v4 * -0.5
    v6 = v2 + v3
    v7 = v2 - v3
    v8 = v6 * v7
    v9 = v8 * -0.5
    v10 = v2 * v2
    v11 = v10 * -0.7213475108146667
    v12 = v11 + 12583039.0
    v13 = v12 - 12583039.0
    v14 = v13 * 0.693145751953125
    v15 = v5 - v14
    v16 = v13 * 1.428606765330187e-06
    v17 = v16 - v9
    v18 = v15 - v17
    v19 = v18 * v18
    v20 = 0.16666513681411743 * v18
    v21 = 0.5 + v20
    v22 = 0.008369590155780315 * v18
    v23 = 0.0416661873459816 + v22
    v24 = v23 * v19
    v25 = v21 + v24
    v26 = v19 * v19
    v27 = 0.0013951703440397978 * v26
    v28 = v25 + v27
    v30 = v19 * v28
    v31 = v18 + v30
    v32 = v2.to(tl.float64)
    v33 = v2 + 2.5
    v34 = tl.div_rn(tl.full(v0.shape, 1.0, tl.float32), v33)
    v35 = v32 + tl.full(v0.shape, 2.5, tl.float64)
    v36 = v34.to(tl.float64)
    v37 = v36 * v35
    v38 = tl.full(v0.shape, 2.0, tl.float64) - v37
    v39 = v36 * v38
    v40 = v34 * 5.0
    v41 = 1.0 - v40
    v42 = 0.009235875681042671 * v41
    v43 = 0.13198697566986084 + v42
    v44 = -0.0016008300008252263 * v41
    v45 = -0.016386184841394424 + v44
    v46 = 0.0006844127783551812 * v41
    v47 = 0.0025239328388124704 + v46
    v48 = -0.00015770239406265318 * v41
    v49 = -0.0003116228908766061 + v48
    v50 = v41 * v41
    v51 = v45 * v50
    v52 = v43 + v51
    v53 = v49 * v50
    v54 = v47 + v53
    v55 = v50 * v50
    v56 = v54 * v55
    v57 = v52 + v56
    v59 = v41 * v57
    v60 = v59 + -0.43369200825691223
    v61 = v39 * tl.full(v0.shape, 5.0, tl.float64)
    v62 = tl.full(v0.shape, 1.0, tl.float64) - v61
    v63 = v60.to(tl.float64)
    v64 = v62 * v63
    v65 = v64 + tl.full(v0.shape, 0.7066566599048493, tl.float64)
    v66 = v32 * v39
    v67 = v66 * v65
    v68 = v12 < 12582979.0
    v69 = v12 + 64.0
    v70 = tl.where(v68, v69, v12)
    v71 = (v70.to(tl.int32, bitcast=True) << 23).to(tl.float32, bitcast=True)
    v72 = tl.where(v68, 5.421010862427522e-20, 1.0)
    v73 = v31.to(tl.float64)
    v74 = v67 * v73
    v75 = v67 + v74
    v76 = v75.to(tl.float32)
    v77 = v76 * v71
    v78 = v77 * v72
    v79 = v0 >= 0.0
    v80 = v0 - v78
    v81 = v78 * -1.0
    v82 = tl.where(v79, v80, v81)
    return v82


@triton.jit
def gelu_tanh_forward(v0):
    v1 = tl.where(v0 < -11.5, -11.5, v0)
    v2 = tl.where(v1 > 9.0, 9.0, v1)
    v3 = v2.to(tl.float64)
    v4 = v3 * v3
    v5 = v4 * tl.full(v0.shape, -0.07135481627260025, tl.float64)
    v6 = v5 - tl.full(v0.shape, 1.5957691216057308, tl.float64)
    v7 = v3 * v6
    v8 = v7.to(tl.float32)
    v9 = v8 * 1.4426950216293335
    v10 = v9 + 12583039.0
    v11 = v10 - 12583039.0
    v12 = v11.to(tl.float64)
    v13 = v12 * tl.full(v0.shape, 0.6931471805599453, tl.float64)
    v14 = v7 - v13
    v15 = v14.to(tl.float32)
    v16 = v15 * v15
    v17 = 0.16666513681411743 * v15
    v18 = 0.5 + v17
    v19 = 0.008369590155780315 * v15
    v20 = 0.0416661873459816 + v19
    v21 = v20 * v16
    v22 = v18 + v21
    v23 = v16 * v16
    v24 = 0.0013951703440397978 * v23
    v25 = v22 + v24
    v27 = v16 * v25
    v28 = v15 + v27
    v29 = v10 > 12583097.0
    v30 = v10 - 64.0
    v31 = tl.where(v29, v30, v10)
    v32 = (v31.to(tl.int32, bitcast=True) << 23).to(tl.float32, bitcast=True)
    v33 = tl.where(v29, 5.421010862427522e-20, 1.0)
    v34 = v32 + v33
    v35 = v34 - v32
    v36 = v33 - v35
    v37 = v32 * v28
    v38 = v37 + v36
    v39 = v34 + v38
    v40 = tl.div_rn(v1, v39)
    v41 = v40 * v33
    return v41


@triton.jit
def silu_forward(v0):
    v1 = v0 * -1.0
    v2 = tl.where(v1 < -80.0, -80.0, v1)
    v3 = tl.where(v2 > 110.0, 110.0, v2)
    v4 = v3 * 1.4426950216293335
    v5 = v4 + 12583039.0
    v6 = v5 - 12583039.0
    v7 = v6 * 0.693145751953125
    v8 = v3 - v7
    v9 = v6 * 1.428606765330187e-06
    v10 = v8 - v9
    v11 = v10 * v10
    v12 = 0.16666513681411743 * v10
    v13 = 0.5 + v12
    v14 = 0.008369590155780315 * v10
    v15 = 0.0416661873459816 + v14
    v16 = v15 * v11
    v17 = v13 + v16
    v18 = v11 * v11
    v19 = 0.0013951703440397978 * v18
    v20 = v17 + v19
    v22 = v11 * v20
    v23 = v10 + v22
    v24 = tl.where(v0 < -110.0, -110.0, v0)
    v25 = v5 > 12583097.0
    v26 = v5 - 64.0
    v27 = tl.where(v25, v26, v5)
    v28 = (v27.to(tl.int32, bitcast=True) << 23).to(tl.float32, bitcast=True)
    v29 = tl.where(v25, 5.421010862427522e-20, 1.0)
    v30 = v28 + v29
    v31 = v30 - v28
    v32 = v29 - v31
    v33 = v28 * v23
    v34 = v33 + v32
    v35 = v30 + v34
    v36 = tl.div_rn(v24, v35)
    v37 = v36 * v29
    return v37


@triton.jit
def mish_forward(v0):
    v1 = tl.where(v0 < -120.0, -120.0, v0)
    v2 = tl.where(v1 > 40.0, 40.0, v1)
    v3 = v2 * 1.4426950216293335
    v4 = v3 + 12583039.0
    v5 = v4 - 12583039.0
    v6 = v5 * 0.693145751953125
    v7 = v2 - v6
    v8 = v5 * 1.428606765330187e-06
    v9 = v7 - v8
    v10 = v9 * v9
    v11 = 0.16666513681411743 * v9
    v12 = 0.5 + v11
    v13 = 0.008369590155780315 * v9
    v14 = 0.0416661873459816 + v13
    v15 = v14 * v10
    v16 = v12 + v15
    v17 = v10 * v10
    v18 = 0.0013951703440397978 * v17
    v19 = v16 + v18
    v21 = v10 * v19
    v22 = v9 + v21
    v23 = v4 < 12582979.0
    v24 = v4 + 64.0
    v25 = tl.where(v23, v24, v4)
    v26 = (v25.to(tl.int32, bitcast=True) << 23).to(tl.float32, bitcast=True)
    v27 = tl.where(v23, 5.421010862427522e-20, 1.0)
    v28 = v26.to(tl.float64)
    v29 = v22.to(tl.float64)
    v30 = v28 * v29
    v31 = v28 + v30
    v32 = v27.to(tl.float64)
    v33 = v31 * v32
    v34 = v33 + tl.full(v0.shape, 2.0, tl.float64)
    v35 = v33 * v34
    v36 = v35 + tl.full(v0.shape, 2.0, tl.float64)
    v37 = v36.to(tl.float32)
    v38 = tl.div_rn(tl.full(v0.shape, 1.0, tl.float32), v37)
    v39 = v38.to(tl.float64)
    v40 = v39 * v36
    v41 = tl.full(v0.shape, 2.0, tl.float64) - v40
    v42 = v39 * v41
    v43 = v1.to(tl.float64)
    v44 = v35 * v42
    v45 = v43 * v44
    v46 = v45.to(tl.float32)
    return v46


@triton.jit
def softplus_forward(v0):
    v1 = tl.abs(v0)
    v2 = v1 * -1.0
    v3 = tl.where(v2 < -120.0, -120.0, v2)
    v4 = v3 * 1.4426950216293335
    v5 = v4 + 12583039.0
    v6 = v5 - 12583039.0
    v7 = v6 * 0.693145751953125
    v8 = v3 - v7
    v9 = v6 * 1.428606765330187e-06
    v10 = v8 - v9
    v11 = v10 * v10
    v12 = 0.16666513681411743 * v10
    v13 = 0.5 + v12
    v14 = 0.008369590155780315 * v10
    v15 = 0.0416661873459816 + v14
    v16 = v15 * v11
    v17 = v13 + v16
    v18 = v11 * v11
    v19 = 0.0013951703440397978 * v18
    v20 = v17 + v19
    v22 = v11 * v20
    v23 = v10 + v22
    v24 = v5 < 12582979.0
    v25 = v5 + 64.0
    v26 = tl.where(v24, v25, v5)
    v27 = (v26.to(tl.int32, bitcast=True) << 23).to(tl.float32, bitcast=True)
    v28 = tl.where(v24, 5.421010862427522e-20, 1.0)
    v29 = v27 * v23
    v30 = v27 + v29
    v31 = v30 * v28
    v32 = v30 - v27
    v33 = v29 - v32
    v34 = 2.0 + v31
    v35 = tl.div_rn(v31, v34)
    v36 = v35 * v35
    v37 = v35 + v35
    v38 = 1.0 - v37
    v39 = v36 + v36
    v40 = v38 + v39
    v41 = v33 * v40
    v42 = v34 - 2.0
    v43 = v31 - v42
    v44 = v35 * v43
    v45 = 1.0 - v35
    v46 = v44 * v45
    v47 = v41 - v46
    v48 = 0.3999887704849243 * v36
    v49 = 0.6666667461395264 + v48
    v50 = 0.21427656710147858 * v36
    v51 = 0.2861688435077667 + v50
    v52 = v36 * v36
    v53 = v51 * v52
    v54 = v49 + v53
    v55 = v52 * v52
    v56 = 0.24300938844680786 * v55
    v57 = v54 + v56
    v59 = v36 * v57
    v60 = v35 * v59
    v61 = v60 + v47
    v62 = v37 + v61
    v63 = tl.where(v0 < 0.0, 0.0, v0)
    v64 = v28 < 1.0
    v65 = tl.where(v64, v31, v62)
    v66 = v63 + v65
    return v66


@triton.jit
def sigmoid_forward(v0):
    v1 = v0 * -1.0
    v2 = tl.where(v1 < -80.0, -80.0, v1)
    v3 = tl.where(v2 > 110.0, 110.0, v2)
    v4 = v3 * 1.4426950216293335
    v5 = v4 + 12583039.0
    v6 = v5 - 12583039.0
    v7 = v6 * 0.693145751953125
    v8 = v3 - v7
    v9 = v6 * 1.428606765330187e-06
    v10 = v8 - v9
    v11 = v10 * v10
    v12 = 0.16666513681411743 * v10
    v13 = 0.5 + v12
    v14 = 0.008369590155780315 * v10
    v15 = 0.0416661873459816 + v14
    v16 = v15 * v11
    v17 = v13 + v16
    v18 = v11 * v11
    v19 = 0.0013951703440397978 * v18
    v20 = v17 + v19
    v22 = v11 * v20
    v23 = v10 + v22
    v24 = tl.full(v0.shape, 1.0, tl.float32)
    v25 = v5 > 12583097.0
    v26 = v5 - 64.0
    v27 = tl.where(v25, v26, v5)
    v28 = (v27.to(tl.int32, bitcast=True) << 23).to(tl.float32, bitcast=True)
    v29 = tl.where(v25, 5.421010862427522e-20, 1.0)
    v30 = v28 + v29
    v31 = v30 - v28
    v32 = v29 - v31
    v33 = v28 * v23
    v34 = v33 + v32
    v35 = v30 + v34
    v36 = tl.div_rn(v24, v35)
    v37 = v36 * v29
    return v37


@triton.jit
def tanh_forward(v0):
    v1 = tl.abs(v0)
    v2 = v1 * -2.0
    v3 = tl.where(v2 < -40.0, -40.0, v2)
    v4 = v3 * 1.4426950216293335
    v5 = v4 + 12583039.0
    v6 = v5 - 12583039.0
    v7 = v6 * 0.693145751953125
    v8 = v3 - v7
    v9 = v6 * 1.428606765330187e-06
    v10 = v8 - v9
    v11 = v10 * v10
    v12 = 0.16666513681411743 * v10
    v13 = 0.5 + v12
    v14 = 0.008369590155780315 * v10
    v15 = 0.0416661873459816 + v14
    v16 = v15 * v11
    v17 = v13 + v16
    v18 = v11 * v11
    v19 = 0.0013951703440397978 * v18
    v20 = v17 + v19
    v22 = v11 * v20
    v23 = v10 + v22
    v24 = (v5.to(tl.int32, bitcast=True) << 23).to(tl.float32, bitcast=True)
    v25 = v24.to(tl.float64)
    v26 = v23.to(tl.float64)
    v27 = v25 * v26
    v28 = v25 - tl.full(v0.shape, 1.0, tl.float64)
    v29 = v27 + v28
    v30 = v29 * tl.full(v0.shape, -1.0, tl.float64)
    v31 = v29 + tl.full(v0.shape, 2.0, tl.float64)
    v32 = v31.to(tl.float32)
    v33 = tl.div_rn(tl.full(v0.shape, 1.0, tl.float32), v32)
    v34 = v33.to(tl.float64)
    v35 = v34 * v31
    v36 = tl.full(v0.shape, 2.0, tl.float64) - v35
    v37 = v34 * v36
    v38 = v30 * v37
    v39 = v38.to(tl.float32)
    v40 = v0 < 0.0
    v41 = v39 * -1.0
    v42 = tl.where(v40, v41, v39)
    return v42


@triton.jit
def hardsigmoid_forward(v0):
    v1 = tl.where(v0 < -3.0, -3.0, v0)
    v2 = tl.where(v1 > 3.0, 3.0, v1)
    v3 = v2.to(tl.float64)
    v4 = v3 + tl.full(v0.shape, 3.0, tl.float64)
    v5 = v4 * tl.full(v0.shape, 0.16666666666666666, tl.float64)
    v6 = v5.to(tl.float32)
    return v6


@triton.jit
def identity_parts(v0):
    v1 = tl.full(v0.shape, 0.0, tl.float32)
    v2 = tl.full(v0.shape, 1.0, tl.float32)
    return v0, v1, v2


@triton.jit
def relu_parts(v0):
    v1 = tl.where(v0 < 0.0, 0.0, v0)
    v2 = tl.where(v0 > 0.0, 0.0, v0)
    v3 = v0 <= 0.0
    v4 = tl.where(v3, 0.0, 1.0)
    return v1, v2, v4


@triton.jit
def leaky_relu_parts(v0):
    v1 = v0 <= 0.0
    v2 = tl.where(v1, 0.009999999776482582, 1.0)
    v3 = v0 < 0.0
    v4 = v0 * 0.009999999776482582
    v5 = tl.where(v3, v4, v0)
    v6 = v0 > 0.0
    v7 = v0 * 0.9900000095367432
    v8 = tl.where(v6, 0.0, v7)
    return v5, v8, v2


@triton.jit
def relu6_parts(v0):
    v1 = tl.where(v0 < 0.0, 0.0, v0)
    v2 = tl.where(v1 > 6.0, 6.0, v1)
    v3 = v0 > 0.0
    v4 = v0 - 6.0
    v5 = tl.where(v4 < 0.0, 0.0, v4)
    v6 = tl.where(v3, v5, v0)
    v7 = v0 <= 0.0
    v8 = v0 >= 6.0
    v9 = tl.where(v8, 0.0, 1.0)
    v10 = tl.where(v7, 0.0, v9)
    return v2, v6, v10


@triton.jit
def squared_relu_parts(v0):
    v1 = tl.where(v0 < 0.0, 0.0, v0)
    v2 = v1 * v1
    v3 = 1.0 - v1
    v4 = v0 * v3
    v5 = v1 + v1
    return v2, v4, v5


@triton.jit
def hardswish_parts(v0):
    v1 = tl.where(v0 < -3.0, -3.0, v0)
    v2 = tl.where(v0 > 3.0, 3.0, v0)
    v3 = tl.where(v1 > 3.0, 3.0, v1)
    v4 = v0 <= -3.0
    v5 = v0 >= 3.0
    v6 = v3 * 0.3333333432674408
    v7 = v6 + 0.5
    v8 = tl.where(v5, 1.0, v7)
    v9 = tl.where(v4, 0.0, v8)
    v10 = v3 + 3.0
    v11 = v10 * 0.1666666716337204
    v12 = v1 * v11
    v13 = 3.0 - v3
    v14 = v13 * 0.1666666716337204
    v15 = v2 * v14
    return v12, v15, v9


@triton.jit
def elu_parts(v0):
    v1 = tl.where(v0 > 0.0, 0.0, v0)
    v2 = tl.where(v1 < -87.0, -87.0, v1)
    v3 = v2 * 1.4426950216293335
    v4 = v3 + 12583039.0
    v5 = v4 - 12583039.0
    v6 = v5 * 0.693145751953125
    v7 = v2 - v6
    v8 = v5 * 1.428606765330187e-06
    v9 = v7 - v8
    v10 = v9 * v9
    v11 = 0.16666513681411743 * v9
    v12 = 0.5 + v11
    v13 = 0.008369590155780315 * v9
    v14 = 0.0416661873459816 + v13
    v15 = v14 * v10
    v16 = v12 + v15
    v17 = v10 * v10
    v18 = 0.0013951703440397978 * v17
    v19 = v16 + v18
    v21 = v10 * v19
    v22 = v9 + v21
    v23 = (v4.to(tl.int32, bitcast=True) << 23).to(tl.float32, bitcast=True)
    v24 = v23 * v22
    v25 = v23 - 1.0
    v26 = v24 + v25
    v27 = v4 < 12583039.0
    v28 = v0 - v26
    v29 = v21 * -1.0
    v30 = tl.where(v27, v28, v29)
    v31 = v23 + v24
    v32 = v0 > 0.0
    v33 = tl.where(v32, v0, v26)
    v34 = tl.where(v32, 0.0, v30)
    v35 = tl.where(v32, 1.0, v31)
    return v33, v34, v35


@triton.jit
def celu_parts(v0):
    v1 = tl.where(v0 > 0.0, 0.0, v0)
    v2 = tl.where(v1 < -87.0, -87.0, v1)
    v3 = v2 * 1.4426950216293335
    v4 = v3 + 12583039.0
    v5 = v4 - 12583039.0
    v6 = v5 * 0.693145751953125
    v7 = v2 - v6
    v8 = v5 * 1.428606765330187e-06
    v9 = v7 - v8
    v10 = v9 * v9
    v11 = 0.16666513681411743 * v9
    v12 = 0.5 + v11
    v13 = 0.008369590155780315 * v9
    v14 = 0.0416661873459816 + v13
    v15 = v14 * v10
    v16 = v12 + v15
    v17 = v10 * v10
    v18 = 0.0013951703440397978 * v17
    v19 = v16 + v18
    v21 = v10 * v19
    v22 = v9 + v21
    v23 = (v4.to(tl.int32, bitcast=True) << 23).to(tl.float32, bitcast=True)
    v24 = v23 * v22
    v25 = v23 - 1.0
    v26 = v24 + v25
    v27 = v4 < 12583039.0
    v28 = v0 - v26
    v29 = v21 * -1.0
    v30 = tl.where(v27, v28, v29)
    v31 = v23 + v24
    v32 = v0 > 0.0
    v33 = tl.where(v32, v0, v26)
    v34 = tl.where(v32, 0.0, v30)
    v35 = tl.where(v32, 1.0, v31)
    return v33, v34, v35


@triton.jit
def selu_parts(v0):
    v1 = tl.where(v0 > 0.0, 0.0, v0)
    v2 = tl.where(v1 < -87.0, -87.0, v1)
    v3 = v2 * 1.4426950216293335
    v4 = v3 + 12583039.0
    v5 = v4 - 12583039.0
    v6 = v5 * 0.693145751953125
    v7 = v2 - v6
    v8 = v5 * 1.428606765330187e-06
    v9 = v7 - v8
    v10 = v9 * v9
    v11 = 0.16666513681411743 * v9
    v12 = 0.5 + v11
    v13 = 0.008369590155780315 * v9
    v14 = 0.0416661873459816 + v13
    v15 = v14 * v10
    v16 = v12 + v15
    v17 = v10 * v10
    v18 = 0.0013951703440397978 * v17
    v19 = v16 + v18
    v21 = v10 * v19
    v22 = v9 + v21
    v23 = (v4.to(tl.int32, bitcast=True) << 23).to(tl.float32, bitcast=True)
    v24 = v23 * v22
    v25 = v23 - 1.0
    v26 = v24 + v25
    v31 = v23 + v24
    v32 = v0 > 0.0
    v33 = v26 * 1.7580993175506592
    v34 = v0 * -0.05070098862051964
    v35 = v0 - v33
    v36 = tl.where(v32, v34, v35)
    v37 = v0 * 1.0507010221481323
    v38 = tl.where(v32, v37, v33)
    v39 = v31 * 1.7580993175506592
    v40 = tl.where(v32, 1.0507010221481323, v39)
    return v38, v36, v40


@triton.jit
def gelu_parts(v0):
    v1 = tl.abs(v0)
    v2 = tl.where(v1 > 13.0, 13.0, v1)
    v3 = v2 * v2
    v4 = v3 * -0.5
    v5 = v4 * 1.4426950216293335
    v6 = v5 + 12583039.0
    v7 = v6 - 12583039.0
    v8 = v7 * 0.693145751953125
    v9 = v4 - v8
    v10 = v7 * 1.428606765330187e-06
    v11 = v9 - v10
    v12 = v11 * v11
    v13 = 0.16666513681411743 * v11
    v14 = 0.5 + v13
    v15 = 0.008369590155780315 * v11
    v16 = 0.0416661873459816 + v15
    v17 = v16 * v12
    v18 = v14 + v17
    v19 = v12 * v12
    v20 = 0.0013951703440397978 * v19
    v21 = v18 + v20
    v23 = v12 * v21
    v24 = v11 + v23
    v25 = (v6.to(tl.int32, bitcast=True) << 23).to(tl.float32, bitcast=True)
    v26 = v25 * v24
    v27 = v25 + v26
    v28 = v2 + 2.5
    v29 = tl.div_rn(tl.full(v0.shape, 1.0, tl.float32), v28)
    v30 = v27 * v29
    v31 = v29 * 5.0
    v32 = 1.0 - v31
    v33 = -0.43369200825691223 * v32
    v34 = 0.7066566348075867 + v33
    v35 = 0.009235875681042671 * v32
    v36 = 0.13198697566986084 + v35
    v37 = -0.0016008300008252263 * v32
    v38 = -0.016386184841394424 + v37
    v39 = 0.0006844127783551812 * v32
    v40 = 0.0025239328388124704 + v39
    v41 = -0.00015770239406265318 * v32
    v42 = -0.0003116228908766061 + v41
    v43 = v32 * v32
    v44 = v36 * v43
    v45 = v34 + v44
    v46 = v40 * v43
    v47 = v38 + v46
    v48 = v43 * v43
    v49 = v47 * v48
    v50 = v45 + v49
    v51 = v48 * v48
    v52 = v42 * v51
    v53 = v50 + v52
    v55 = v30 * v53
    v56 = v2 * v55
    v57 = v0 > 0.0
    v58 = v2 * v27
    v59 = v58 * 0.3989422917366028
    v60 = 1.0 - v55
    v61 = v60 + v59
    v62 = v55 - v59
    v63 = tl.where(v57, v61, v62)
    v64 = v0 - v56
    v65 = v56 * -1.0
    v66 = tl.where(v57, v64, v65)
    v67 = v0 + v56
    v68 = tl.where(v57, v56, v67)
    return v66, v68, v63


@triton.jit
def gelu_tanh_parts(v0):
    v1 = tl.where(v0 < -9.5, -9.5, v0)
    v2 = tl.where(v1 > 9.5, 9.5, v1)
    v3 = v2 * v2
    v4 = v3 * 0.07135481387376785
    v5 = v4 + 1.5957691669464111
    v6 = v2 * v5
    v7 = tl.abs(v6)
    v8 = v7 * -1.0
    v9 = tl.where(v8 < -87.0, -87.0, v8)
    v10 = v9 * 1.4426950216293335
    v11 = v10 + 12583039.0
    v12 = v11 - 12583039.0
    v13 = v12 * 0.693145751953125
    v14 = v9 - v13
    v15 = v12 * 1.428606765330187e-06
    v16 = v14 - v15
    v17 = v16 * v16
    v18 = 0.16666513681411743 * v16
    v19 = 0.5 + v18
    v20 = 0.008369590155780315 * v16
    v21 = 0.0416661873459816 + v20
    v22 = v21 * v17
    v23 = v19 + v22
    v24 = v17 * v17
    v25 = 0.0013951703440397978 * v24
    v26 = v23 + v25
    v28 = v17 * v26
    v29 = v16 + v28
    v30 = (v11.to(tl.int32, bitcast=True) << 23).to(tl.float32, bitcast=True)
    v31 = v30 * v29
    v32 = v30 + v31
    v33 = 1.0 + v32
    v34 = tl.div_rn(tl.full(v0.shape, 1.0, tl.float32), v33)
    v35 = v32 * v34
    v36 = v0 > 0.0
    v37 = tl.where(v0 < -100.0, -100.0, v0)
    v38 = tl.where(v37 > 100.0, 100.0, v37)
    v39 = v38 * v35
    v40 = v0 * v34
    v41 = tl.where(v36, v40, v39)
    v42 = tl.where(v36, v39, v40)
    v43 = v3 * 0.21406444907188416
    v44 = v43 + 1.5957691669464111
    v45 = v2 * v44
    v46 = tl.where(v36, v34, v35)
    v47 = v34 * v35
    v48 = v45 * v47
    v49 = v46 + v48
    return v41, v42, v49


@triton.jit
def silu_parts(v0):
    v1 = tl.abs(v0)
    v2 = v1 * -1.0
    v3 = tl.where(v2 < -87.0, -87.0, v2)
    v4 = v3 * 1.4426950216293335
    v5 = v4 + 12583039.0
    v6 = v5 - 12583039.0
    v7 = v6 * 0.693145751953125
    v8 = v3 - v7
    v9 = v6 * 1.428606765330187e-06
    v10 = v8 - v9
    v11 = v10 * v10
    v12 = 0.16666513681411743 * v10
    v13 = 0.5 + v12
    v14 = 0.008369590155780315 * v10
    v15 = 0.0416661873459816 + v14
    v16 = v15 * v11
    v17 = v13 + v16
    v18 = v11 * v11
    v19 = 0.0013951703440397978 * v18
    v20 = v17 + v19
    v22 = v11 * v20
    v23 = v10 + v22
    v24 = (v5.to(tl.int32, bitcast=True) << 23).to(tl.float32, bitcast=True)
    v25 = v24 * v23
    v26 = v24 + v25
    v27 = 1.0 + v26
    v28 = tl.div_rn(tl.full(v0.shape, 1.0, tl.float32), v27)
    v29 = v26 * v28
    v30 = v0 > 0.0
    v31 = tl.where(v0 < -100.0, -100.0, v0)
    v32 = tl.where(v31 > 100.0, 100.0, v31)
    v33 = v32 * v29
    v34 = v0 * v28
    v35 = tl.where(v30, v34, v33)
    v36 = tl.where(v30, v33, v34)
    v37 = tl.where(v30, v28, v29)
    v38 = tl.where(v30, v29, v28)
    v39 = v32 * v37
    v40 = v39 * v38
    v41 = v37 + v40
    return v35, v36, v41


@triton.jit
def mish_parts(v0):
    v1 = tl.abs(v0)
    v2 = v1 * -1.0
    v3 = tl.where(v2 < -87.0, -87.0, v2)
    v4 = v3 * 1.4426950216293335
    v5 = v4 + 12583039.0
    v6 = v5 - 12583039.0
    v7 = v6 * 0.693145751953125
    v8 = v3 - v7
    v9 = v6 * 1.428606765330187e-06
    v10 = v8 - v9
    v11 = v10 * v10
    v12 = 0.16666513681411743 * v10
    v13 = 0.5 + v12
    v14 = 0.008369590155780315 * v10
    v15 = 0.0416661873459816 + v14
    v16 = v15 * v11
    v17 = v13 + v16
    v18 = v11 * v11
    v19 = 0.0013951703440397978 * v18
    v20 = v17 + v19
    v22 = v11 * v20
    v23 = v10 + v22
    v24 = (v5.to(tl.int32, bitcast=True) << 23).to(tl.float32, bitcast=True)
    v25 = v24 * v23
    v26 = v24 + v25
    v27 = v26 * v26
    v28 = v0 > 0.0
    v29 = v26 + v26
    v30 = v27 + v27
    v31 = tl.where(v28, v30, 2.0)
    v32 = 1.0 + v29
    v33 = v27 + v29
    v34 = tl.where(v28, v32, v33)
    v35 = v34 + v31
    v36 = tl.div_rn(tl.full(v0.shape, 1.0, tl.float32), v35)
    v37 = v34 * v36
    v38 = tl.where(v28, v27, v26)
    v39 = v38 * 4.0
    v40 = 1.0 + v26
    v41 = v39 * v40
    v42 = v36 * v36
    v43 = v41 * v42
    v44 = tl.where(v0 < -100.0, -100.0, v0)
    v45 = tl.where(v44 > 100.0, 100.0, v44)
    v46 = tl.where(v28, v0, v45)
    v47 = v46 * v37
    v48 = tl.where(v28, v45, v0)
    v49 = v31 * v36
    v50 = v48 * v49
    v51 = v45 * v43
    v52 = v37 + v51
    return v47, v50, v52


@triton.jit
def softplus_parts(v0):
    v1 = tl.abs(v0)
    v2 = v1 * -1.0
    v3 = tl.where(v2 < -87.0, -87.0, v2)
    v4 = v3 * 1.4426950216293335
    v5 = v4 + 12583039.0
    v6 = v5 - 12583039.0
    v7 = v6 * 0.693145751953125
    v8 = v3 - v7
    v9 = v6 * 1.428606765330187e-06
    v10 = v8 - v9
    v11 = v10 * v10
    v12 = 0.16666513681411743 * v10
    v13 = 0.5 + v12
    v14 = 0.008369590155780315 * v10
    v15 = 0.0416661873459816 + v14
    v16 = v15 * v11
    v17 = v13 + v16
    v18 = v11 * v11
    v19 = 0.0013951703440397978 * v18
    v20 = v17 + v19
    v22 = v11 * v20
    v23 = v10 + v22
    v24 = (v5.to(tl.int32, bitcast=True) << 23).to(tl.float32, bitcast=True)
    v25 = v24 * v23
    v26 = v24 + v25
    v27 = 1.0 + v26
    v28 = tl.div_rn(tl.full(v0.shape, 1.0, tl.float32), v27)
    v29 = v26 + 2.0
    v30 = tl.div_rn(v26, v29)
    v31 = v30 * v30
    v32 = v30 + v30
    v33 = 0.3999887704849243 * v31
    v34 = 0.6666667461395264 + v33
    v35 = 0.21427656710147858 * v31
    v36 = 0.2861688435077667 + v35
    v37 = v31 * v31
    v38 = v36 * v37
    v39 = v34 + v38
    v40 = v37 * v37
    v41 = 0.24300938844680786 * v40
    v42 = v39 + v41
    v44 = v31 * v42
    v45 = v30 * v44
    v46 = v32 + v45
    v47 = v0 > 0.0
    v48 = tl.where(v0 < 0.0, 0.0, v0)
    v49 = v48 + v46
    v50 = tl.where(v47, 0.0, v0)
    v51 = v50 - v46
    v52 = v26 * v28
    v53 = tl.where(v47, v28, v52)
    return v49, v51, v53


@triton.jit
def sigmoid_parts(v0):
    v1 = tl.abs(v0)
    v2 = v1 * -1.0
    v3 = tl.where(v2 < -87.0, -87.0, v2)
    v4 = v3 * 1.4426950216293335
    v5 = v4 + 12583039.0
    v6 = v5 - 12583039.0
    v7 = v6 * 0.693145751953125
    v8 = v3 - v7
    v9 = v6 * 1.428606765330187e-06
    v10 = v8 - v9
    v11 = v10 * v10
    v12 = 0.16666513681411743 * v10
    v13 = 0.5 + v12
    v14 = 0.008369590155780315 * v10
    v15 = 0.0416661873459816 + v14
    v16 = v15 * v11
    v17 = v13 + v16
    v18 = v11 * v11
    v19 = 0.0013951703440397978 * v18
    v20 = v17 + v19
    v22 = v11 * v20
    v23 = v10 + v22
    v24 = (v5.to(tl.int32, bitcast=True) << 23).to(tl.float32, bitcast=True)
    v25 = v24 * v23
    v26 = v24 + v25
    v27 = 1.0 + v26
    v28 = tl.div_rn(tl.full(v0.shape, 1.0, tl.float32), v27)
    v29 = v26 * v28
    v30 = v0 > 0.0
    v31 = tl.where(v30, v28, v29)
    v32 = v0 - v31
    v33 = v28 * v29
    return v31, v32, v33


@triton.jit
def tanh_parts(v0):
    v1 = tl.abs(v0)
    v2 = v1 * -2.0
    v3 = tl.where(v2 < -87.0, -87.0, v2)
    v4 = v3 * 1.4426950216293335
    v5 = v4 + 12583039.0
    v6 = v5 - 12583039.0
    v7 = v6 * 0.693145751953125
    v8 = v3 - v7
    v9 = v6 * 1.428606765330187e-06
    v10 = v8 - v9
    v11 = v10 * v10
    v12 = 0.16666513681411743 * v10
    v13 = 0.5 + v12
    v14 = 0.008369590155780315 * v10
    v15 = 0.0416661873459816 + v14
    v16 = v15 * v11
    v17 = v13 + v16
    v18 = v11 * v11
    v19 = 0.0013951703440397978 * v18
    v20 = v17 + v19
    v22 = v11 * v20
    v23 = v10 + v22
    v24 = (v5.to(tl.int32, bitcast=True) << 23).to(tl.float32, bitcast=True)
    v25 = v24 * v23
    v26 = v24 - 1.0
    v27 = v25 + v26
    v28 = v27 + 2.0
    v29 = tl.div_rn(tl.full(v0.shape, 1.0, tl.float32), v28)
    v30 = v27 * -1.0
    v31 = v30 * v29
    v32 = v0 < 0.0
    v33 = v31 * -1.0
    v34 = tl.where(v32, v33, v31)
    v35 = v0 * v0
    v36 = v35 < 1.0
    v37 = v0 * v35
    v38 = -0.13333313167095184 * v35
    v39 = 0.3333333432674408 + v38
    v40 = -0.021832013502717018 * v35
    v41 = 0.05396382883191109 + v40
    v42 = -0.003216999350115657 * v35
    v43 = 0.008704839274287224 + v42
    v44 = -0.00014489445311482996 * v35
    v45 = 0.0009308825246989727 + v44
    v46 = v35 * v35
    v47 = v41 * v46
    v48 = v39 + v47
    v49 = v45 * v46
    v50 = v43 + v49
    v51 = v46 * v46
    v52 = v50 * v51
    v53 = v48 + v52
    v55 = v37 * v53
    v56 = v0 - v34
    v57 = tl.where(v36, v55, v56)
    v58 = v24 + v25
    v59 = v58 * 4.0
    v60 = v29 * v29
    v61 = v59 * v60
    return v34, v57, v61


@triton.jit
def hardsigmoid_parts(v0):
    v1 = tl.where(v0 < -3.0, -3.0, v0)
    v2 = tl.where(v1 > 3.0, 3.0, v1)
    v3 = v2 + 3.0
    v4 = v3 * 0.1666666716337204
    v5 = v0 - v4
    v6 = v0 <= -3.0
    v7 = v0 >= 3.0
    v8 = tl.where(v7, 0.0, 0.1666666716337204)
    v9 = tl.where(v6, 0.0, v8)
    return v4, v5, v9
