"""Sections ``vision_config`` of published files, in their words."""

from __future__ import annotations

SIGLIP = {"hidden_size": 1152, "image_size": 896, "intermediate_size": 4304, "patch_size": 14,
          "num_attention_heads": 16, "num_hidden_layers": 27, "vision_use_head": False}  # fmt: skip
MOON = {"init_pos_emb_height": 64, "init_pos_emb_width": 64, "merge_kernel_size": [2, 2],
        "patch_size": 14, "text_hidden_size": 7168, "vt_hidden_size": 1152,
        "vt_intermediate_size": 4304, "vt_num_hidden_layers": 27}  # fmt: skip
LLAMA4_VISION = {"hidden_size": 1408, "image_size": 336, "intermediate_size": 5632,
                 "num_hidden_layers": 34, "patch_size": 14, "projector_input_dim": 4096,
                 "projector_output_dim": 4096, "vision_output_dim": 4096}  # fmt: skip
QWEN_VISION = {"depth": 27, "hidden_size": 1152, "intermediate_size": 4304, "in_channels": 3,
               "num_position_embeddings": 2304, "out_hidden_size": 4096, "patch_size": 16,
               "spatial_merge_size": 2, "temporal_patch_size": 2,
               "deepstack_visual_indexes": []}  # fmt: skip
GEMMA4_VISION = {"head_dim": 72, "hidden_size": 1152, "intermediate_size": 4304, "patch_size": 16,
                 "num_hidden_layers": 27, "pooling_kernel_size": 3, "standardize": True,
                 "position_embedding_size": 10240}  # fmt: skip
PIXTRAL = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24,
           "patch_size": 14, "image_size": 1540}  # fmt: skip
MOON_2 = {**MOON, "attn_bias": False, "linear_bias": False, "mlp_type": "mlp2",
          "mm_projector_type": "patchmergerv2", "norm_type": "rmsnorm",
          "patch_embed_proj_bias": False, "qkv_hidden_size": 1536, "vt_hidden_size": 1024,
          "vt_intermediate_size": 4096}  # fmt: skip
