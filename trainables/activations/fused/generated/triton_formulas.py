"""Written by source.py from formulas.py; not edited by hand."""
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
    v39 = tl.where(v1, v0, v27)
    return v39


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
    v39 = tl.where(v1, v0, v27)
    return v39


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
    v32 = v26 - v25
    v33 = v24 - v32
    v34 = v22 - v9
    v35 = v21 - v34
    v36 = v23 * v35
    v37 = v33 + v36
    v38 = v26.to(tl.float64)
    v39 = v37.to(tl.float64)
    v40 = v38 + v39
    v41 = v40 * tl.full(v0.shape, 1.7580993408473766, tl.float64)
    v42 = v41.to(tl.float32)
    v43 = v0 >= 0.0
    v44 = v0.to(tl.float64)
    v45 = v44 * tl.full(v0.shape, 1.0507009873554805, tl.float64)
    v46 = v45.to(tl.float32)
    v47 = tl.where(v43, v46, v42)
    return v47


@triton.jit
def gelu_forward(v0):
    v1 = tl.abs(v0)
    v2 = tl.where(v1 > 15.0, 15.0, v1)
    v3 = v2 * v2
    v4 = v3 * -0.7213475108146667
    v5 = v4 + 12583039.0
    v6 = v5 - 12583039.0
    v7 = v3 * -0.5
    v8 = v6 * 0.693145751953125
    v9 = v7 - v8
    v10 = v6 * 1.428606765330187e-06
    v11 = (v2.to(tl.float64) * v2.to(tl.float64) - v3.to(tl.float64)).to(tl.float32)
    v12 = v11 * 0.5
    v13 = v10 + v12
    v14 = v9 - v13
    v15 = v14 * v14
    v16 = 0.16666513681411743 * v14
    v17 = 0.5 + v16
    v18 = 0.008369590155780315 * v14
    v19 = 0.0416661873459816 + v18
    v20 = v19 * v15
    v21 = v17 + v20
    v22 = v15 * v15
    v23 = 0.0013951703440397978 * v22
    v24 = v21 + v23
    v26 = v15 * v24
    v27 = v14 + v26
    v28 = v2 + 2.0
    v29 = tl.div_rn(tl.full(v0.shape, 1.0, tl.float32), v28)
    v30 = v29 * 4.0
    v31 = 1.0 - v30
    v32 = 0.03671947121620178 * v31
    v33 = 0.028797371312975883 + v32
    v34 = -0.006735080853104591 * v31
    v35 = -0.0004697869881056249 + v34
    v36 = 0.0008253040141426027 * v31
    v37 = -0.0019513467559590936 + v36
    v38 = 0.00013086745457258075 * v31
    v39 = 0.0008362281951121986 + v38
    v40 = -6.470266089309007e-05 * v31
    v41 = -0.00014909134188201278 + v40
    v42 = v31 * v31
    v43 = v35 * v42
    v44 = v33 + v43
    v45 = v39 * v42
    v46 = v37 + v45
    v47 = v42 * v42
    v48 = v46 * v47
    v49 = v44 + v48
    v50 = v47 * v47
    v51 = v41 * v50
    v52 = v49 + v51
    v54 = v31 * v52
    v55 = -0.3314044773578644 + v54
    v56 = v31 * v55
    v57 = v56 + 0.6724079847335815
    v58 = v57 - 0.6724079847335815
    v59 = v56 - v58
    v60 = v59 + 2.0216555540741865e-08
    v61 = (v29.to(tl.float64) * v28.to(tl.float64) - 1.0).to(tl.float32)
    v62 = v28 - 2.0
    v63 = v2 - v62
    v64 = v29 * v63
    v65 = v61 + v64
    v66 = v65 * 1.4500000476837158
    v67 = v2 * v29
    v68 = v67 * v57
    v69 = (v67.to(tl.float64) * v57.to(tl.float64) - v68.to(tl.float64)).to(tl.float32)
    v70 = (v2.to(tl.float64) * v29.to(tl.float64) - v67.to(tl.float64)).to(tl.float32)
    v71 = v57 * v70
    v72 = v67 * v60
    v73 = v71 + v72
    v74 = v69 + v73
    v75 = v27 - v14
    v76 = v26 - v75
    v77 = v76 - v66
    v78 = v68 * v77
    v79 = v74 * v27
    v80 = v74 + v79
    v81 = v78 + v80
    v82 = v68 * v27
    v83 = v68 + v82
    v84 = v83 - v68
    v85 = v82 - v84
    v86 = v85 + v81
    v87 = v83 + v86
    v88 = v5 < 12582979.0
    v89 = v5 + 64.0
    v90 = tl.where(v88, v89, v5)
    v91 = (v90.to(tl.int32, bitcast=True) << 23).to(tl.float32, bitcast=True)
    v92 = tl.where(v88, 5.421010862427522e-20, 1.0)
    v93 = tl.where(v0 < 0.0, 0.0, v0)
    v94 = v87 * v91
    v95 = v94 * v92
    v96 = v93 - v95
    return v96


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
    v2 = tl.where(v1 > 20.0, 20.0, v1)
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
    v28 = v26 * v22
    v29 = v26 + v28
    v30 = v29 - v26
    v31 = v28 - v30
    v32 = v29 * v27
    v33 = v32 + 2.0
    v34 = v33 - 2.0
    v35 = v32 - v34
    v36 = v31 * v27
    v37 = v35 + v36
    v38 = v29 * v33
    v39 = (v29.to(tl.float64) * v33.to(tl.float64) - v38.to(tl.float64)).to(tl.float32)
    v40 = v29 * v37
    v41 = v31 * v33
    v42 = v40 + v41
    v43 = v39 + v42
    v44 = v38 * v27
    v45 = v44 + 2.0
    v46 = v45 - 2.0
    v47 = v44 - v46
    v48 = v43 * v27
    v49 = v47 + v48
    v50 = tl.div_rn(tl.full(v0.shape, 1.0, tl.float32), v45)
    v51 = v1 * v38
    v52 = (v1.to(tl.float64) * v38.to(tl.float64) - v51.to(tl.float64)).to(tl.float32)
    v53 = v1 * v43
    v54 = v52 + v53
    v55 = v51 * v50
    v56 = (v55.to(tl.float64) * v45.to(tl.float64) - v51.to(tl.float64)).to(tl.float32)
    v57 = v55 * v49
    v58 = v56 + v57
    v59 = v54 - v58
    v60 = v59 * v50
    v61 = v0 > 20.0
    v62 = v55 + v60
    v63 = v62 * v27
    v64 = tl.where(v61, v0, v63)
    return v64


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
    v38 = v0 > 0.0
    v39 = tl.where(v38, v0, v26)
    v40 = tl.where(v38, 0.0, v30)
    v41 = tl.where(v38, 1.0, v31)
    return v39, v40, v41


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
    v38 = v0 > 0.0
    v39 = tl.where(v38, v0, v26)
    v40 = tl.where(v38, 0.0, v30)
    v41 = tl.where(v38, 1.0, v31)
    return v39, v40, v41


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
    v38 = v0 > 0.0
    v39 = v26 * 1.7580993175506592
    v40 = v0 * -0.05070098862051964
    v41 = v0 - v39
    v42 = tl.where(v38, v40, v41)
    v43 = v0 * 1.0507010221481323
    v44 = tl.where(v38, v43, v39)
    v45 = v31 * 1.7580993175506592
    v46 = tl.where(v38, 1.0507010221481323, v45)
    return v44, v42, v46


@triton.jit
def gelu_parts(v0):
    v1 = tl.abs(v0)
    v2 = tl.where(v1 > 13.0, 13.0, v1)
    v3 = v2 * v2
    v4 = v3 * -0.7213475108146667
    v5 = v4 + 12583039.0
    v6 = (v5.to(tl.int32, bitcast=True) << 23).to(tl.float32, bitcast=True)
    v7 = v5 - 12583039.0
    v8 = v4 - v7
    v9 = 0.6931470036506653 * v8
    v10 = 1.0 + v9
    v11 = 0.05550733581185341 * v8
    v12 = 0.24022242426872253 + v11
    v13 = 0.001326472731307149 * v8
    v14 = 0.009671512991189957 + v13
    v15 = v8 * v8
    v16 = v12 * v15
    v17 = v10 + v16
    v18 = v15 * v15
    v19 = v14 * v18
    v20 = v17 + v19
    v22 = v6 * v20
    v23 = v2 + 3.5
    v24 = tl.div_rn(tl.full(v0.shape, 1.0, tl.float32), v23)
    v25 = v22 * v24
    v26 = v24 * 7.0
    v27 = 1.0 - v26
    v28 = -0.5655592679977417 * v27
    v29 = 0.7444159984588623 + v28
    v30 = -0.11610229313373566 * v27
    v31 = 0.31542807817459106 + v30
    v32 = 0.006732771638780832 * v27
    v33 = 0.017366893589496613 + v32
    v34 = -0.0008041797555051744 * v27
    v35 = -0.0029444899410009384 + v34
    v36 = v27 * v27
    v37 = v31 * v36
    v38 = v29 + v37
    v39 = v35 * v36
    v40 = v33 + v39
    v41 = v36 * v36
    v42 = v40 * v41
    v43 = v38 + v42
    v45 = v25 * v43
    v46 = v2 * v45
    v47 = v2 * v22
    v48 = v47 * 0.3989422917366028
    v49 = v45 - v48
    v50 = tl.where(v0 < 0.0, 0.0, v0)
    v51 = v50 - v46
    v52 = tl.where(v0 > 0.0, 0.0, v0)
    v53 = v52 + v46
    v54 = v0 > 0.0
    v55 = 1.0 - v49
    v56 = tl.where(v54, v55, v49)
    return v51, v53, v56


@triton.jit
def gelu_tanh_parts(v0):
    v1 = tl.where(v0 < -9.5, -9.5, v0)
    v2 = tl.where(v0 > 9.5, 9.5, v0)
    v3 = tl.where(v1 > 9.5, 9.5, v1)
    v4 = v3 * v3
    v5 = v4 * -0.10294324159622192
    v6 = v5 - 2.302208185195923
    v7 = v3 * v6
    v8 = v7 + 12583039.0
    v9 = (v8.to(tl.int32, bitcast=True) << 23).to(tl.float32, bitcast=True)
    v10 = v8 - 12583039.0
    v11 = v7 - v10
    v12 = 0.6931470036506653 * v11
    v13 = 1.0 + v12
    v14 = 0.05550733581185341 * v11
    v15 = 0.24022242426872253 + v14
    v16 = 0.001326472731307149 * v11
    v17 = 0.009671512991189957 + v16
    v18 = v11 * v11
    v19 = v15 * v18
    v20 = v13 + v19
    v21 = v18 * v18
    v22 = v17 * v21
    v23 = v20 + v22
    v25 = v9 * v23
    v26 = 1.0 + v25
    v27 = tl.div_rn(tl.full(v0.shape, 1.0, tl.float32), v26)
    v28 = v25 * v27
    v29 = v4 * 0.21406444907188416
    v30 = v29 + 1.5957691669464111
    v31 = v3 * v30
    v32 = v1 * v27
    v33 = v2 * v28
    v34 = v27 * v28
    v35 = v31 * v34
    v36 = v27 + v35
    return v32, v33, v36


@triton.jit
def silu_parts(v0):
    v1 = tl.where(v0 < -87.0, -87.0, v0)
    v2 = tl.where(v0 > 87.0, 87.0, v0)
    v3 = tl.where(v1 > 87.0, 87.0, v1)
    v4 = v3 * -1.4426950216293335
    v5 = v4 + 12583039.0
    v6 = (v5.to(tl.int32, bitcast=True) << 23).to(tl.float32, bitcast=True)
    v7 = v5 - 12583039.0
    v8 = v4 - v7
    v9 = 0.6931470036506653 * v8
    v10 = 1.0 + v9
    v11 = 0.05550733581185341 * v8
    v12 = 0.24022242426872253 + v11
    v13 = 0.001326472731307149 * v8
    v14 = 0.009671512991189957 + v13
    v15 = v8 * v8
    v16 = v12 * v15
    v17 = v10 + v16
    v18 = v15 * v15
    v19 = v14 * v18
    v20 = v17 + v19
    v22 = v6 * v20
    v23 = 1.0 + v22
    v24 = tl.div_rn(tl.full(v0.shape, 1.0, tl.float32), v23)
    v25 = v22 * v24
    v26 = v1 * v24
    v27 = v2 * v25
    v28 = v3 * v24
    v29 = v28 * v25
    v30 = v24 + v29
    return v26, v27, v30


@triton.jit
def mish_parts(v0):
    v1 = tl.where(v0 < -87.0, -87.0, v0)
    v2 = tl.where(v0 > 40.0, 40.0, v0)
    v3 = tl.where(v1 > 40.0, 40.0, v1)
    v4 = v3 * 1.4426950216293335
    v5 = v4 + 12583039.0
    v6 = (v5.to(tl.int32, bitcast=True) << 23).to(tl.float32, bitcast=True)
    v7 = v5 - 12583039.0
    v8 = v4 - v7
    v9 = 0.6931470036506653 * v8
    v10 = 1.0 + v9
    v11 = 0.05550733581185341 * v8
    v12 = 0.24022242426872253 + v11
    v13 = 0.001326472731307149 * v8
    v14 = 0.009671512991189957 + v13
    v15 = v8 * v8
    v16 = v12 * v15
    v17 = v10 + v16
    v18 = v15 * v15
    v19 = v14 * v18
    v20 = v17 + v19
    v22 = v6 * v20
    v23 = v22 + 2.0
    v24 = v22 * v23
    v25 = v24 + 2.0
    v26 = tl.div_rn(tl.full(v0.shape, 1.0, tl.float32), v25)
    v27 = v24 * v26
    v28 = v22 * v26
    v29 = v28 * 4.0
    v30 = 1.0 + v22
    v31 = v30 * v26
    v32 = v29 * v31
    v33 = v3 * v32
    v34 = v27 + v33
    v35 = v1 * v27
    v36 = v2 + v2
    v37 = v36 * v26
    return v35, v37, v34


@triton.jit
def softplus_parts(v0):
    v1 = tl.abs(v0)
    v2 = tl.where(v1 > 87.0, 87.0, v1)
    v3 = v2 * -1.4426950216293335
    v4 = v3 + 12583039.0
    v5 = (v4.to(tl.int32, bitcast=True) << 23).to(tl.float32, bitcast=True)
    v6 = v4 - 12583039.0
    v7 = v3 - v6
    v8 = 0.6931470036506653 * v7
    v9 = 1.0 + v8
    v10 = 0.05550733581185341 * v7
    v11 = 0.24022242426872253 + v10
    v12 = 0.001326472731307149 * v7
    v13 = 0.009671512991189957 + v12
    v14 = v7 * v7
    v15 = v11 * v14
    v16 = v9 + v15
    v17 = v14 * v14
    v18 = v13 * v17
    v19 = v16 + v18
    v21 = v5 * v19
    v22 = v21 + 1.0
    v23 = v21 + 2.0
    v24 = v22 * v23
    v25 = tl.div_rn(tl.full(v0.shape, 1.0, tl.float32), v24)
    v26 = v23 * v25
    v27 = v21 * v22
    v28 = v27 * v25
    v29 = v28 * v28
    v30 = v28 + v28
    v31 = 0.3999887704849243 * v29
    v32 = 0.6666667461395264 + v31
    v33 = 0.21427656710147858 * v29
    v34 = 0.2861688435077667 + v33
    v35 = v29 * v29
    v36 = v34 * v35
    v37 = v32 + v36
    v38 = v35 * v35
    v39 = 0.24300938844680786 * v38
    v40 = v37 + v39
    v42 = v29 * v40
    v43 = v28 * v42
    v44 = v30 + v43
    v45 = v0 > 0.0
    v46 = tl.where(v0 < 0.0, 0.0, v0)
    v47 = v46 + v44
    v48 = tl.where(v45, 0.0, v0)
    v49 = v48 - v44
    v50 = v21 * v26
    v51 = tl.where(v45, v26, v50)
    return v47, v49, v51


@triton.jit
def sigmoid_parts(v0):
    v1 = tl.where(v0 < -87.0, -87.0, v0)
    v3 = tl.where(v1 > 87.0, 87.0, v1)
    v4 = v3 * -1.4426950216293335
    v5 = v4 + 12583039.0
    v6 = (v5.to(tl.int32, bitcast=True) << 23).to(tl.float32, bitcast=True)
    v7 = v5 - 12583039.0
    v8 = v4 - v7
    v9 = 0.6931470036506653 * v8
    v10 = 1.0 + v9
    v11 = 0.05550733581185341 * v8
    v12 = 0.24022242426872253 + v11
    v13 = 0.001326472731307149 * v8
    v14 = 0.009671512991189957 + v13
    v15 = v8 * v8
    v16 = v12 * v15
    v17 = v10 + v16
    v18 = v15 * v15
    v19 = v14 * v18
    v20 = v17 + v19
    v22 = v6 * v20
    v23 = 1.0 + v22
    v24 = tl.div_rn(tl.full(v0.shape, 1.0, tl.float32), v23)
    v25 = v22 * v24
    v26 = v0 - v24
    v27 = v24 * v25
    return v24, v26, v27


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
