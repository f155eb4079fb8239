"""Names of generated streets: two characters of good omen and a word for the kind of street."""

from __future__ import annotations

import numpy as np

from simulator.city.streets import Rank

STEMS = """
安康 Ankang|百花 Baihua|宝塔 Baota|北塘 Beitang|碧波 Bibo|采莲 Cailian|长泾 Changjing|晨曦 Chenxi|澄源 Chengyuan
春晖 Chunhui|翠薇 Cuiwei|丹桂 Dangui|东塘 Dongtang|东渚 Dongzhu|芳草 Fangcao|飞云 Feiyun|丰泽 Fengze|枫林 Fenglin
凤凰 Fenghuang|福星 Fuxing|富春 Fuchun|甘露 Ganlu|高巷 Gaoxiang|古浦 Gupu|光华 Guanghua|桂香 Guixiang|海棠 Haitang
荷塘 Hetang|和兴 Hexing|红峰 Hongfeng|鸿运 Hongyun|虹桥 Hongqiao|花园 Huayuan|华阳 Huayang|环娄 Huanlou|惠民 Huimin
吉庆 Jiqing|嘉禾 Jiahe|建业 Jianye|江南 Jiangnan|锦绣 Jinxiu|景枫 Jingfeng|静远 Jingyuan|菊香 Juxiang|开泰 Kaitai
康庄 Kangzhuang|兰亭 Lanting|乐业 Leye|丽景 Lijing|莲塘 Liantang|临湖 Linhu|柳浪 Liulang|龙腾 Longteng|芦苇 Luwei
绿杨 Lyuyang|马塘 Matang|茂林 Maolin|梅园 Meiyuan|明珠 Mingzhu|木樨 Muxi|南塘 Nantang|牛角 Niujiao|藕香 Ouxiang
盘龙 Panlong|蓬莱 Penglai|平湖 Pinghu|蒲泾 Pujing|七彩 Qicai|齐心 Qixin|千帆 Qianfan|青竹 Qingzhu|清泉 Qingquan
庆丰 Qingfeng|秋水 Qiushui|仁和 Renhe|瑞雪 Ruixue|三塘 Santang|桑园 Sangyuan|沙泾 Shajing|善泽 Shanze|商鞅 Shangyang
胜利 Shengli|石桥 Shiqiao|书香 Shuxiang|双桥 Shuangqiao|水秀 Shuixiu|顺达 Shunda|松涛 Songtao|太平 Taiping|唐泾 Tangjing
桃源 Taoyuan|体仁 Tiren|天福 Tianfu|听雨 Tingyu|同心 Tongxin|万象 Wanxiang|望湖 Wanghu|文昌 Wenchang|文华 Wenhua
吴淞 Wusong|五丰 Wufeng|西塘 Xitang|仙桥 Xianqiao|香樟 Xiangzhang|祥和 Xianghe|小桥 Xiaoqiao|晓月 Xiaoyue|新泾 Xinjing
新丰 Xinfeng|兴业 Xingye|杏花 Xinghua|秀水 Xiushui|学府 Xuefu|雅园 Yayuan|烟雨 Yanyu|杨梅 Yangmei|瑶池 Yaochi
宜家 Yijia|银河 Yinhe|迎春 Yingchun|映月 Yingyue|永丰 Yongfeng|永盛 Yongsheng|友谊 Youyi|渔歌 Yuge|玉兰 Yulan
元和 Yuanhe|园丁 Yuanding|月城 Yuecheng|云龙 Yunlong|泽民 Zemin|张泾 Zhangjing|浙泾 Zhejing|振兴 Zhenxing|正阳 Zhengyang
芝兰 Zhilan|中塘 Zhongtang|周泾 Zhoujing|朱塘 Zhutang|竹园 Zhuyuan|紫薇 Ziwei|紫竹 Zizhu|尊贤 Zunxian
"""
SUFFIXES = {
    "secondary": (("路", "Road"),),
    "tertiary": (("路", "Road"), ("东路", "East Road"), ("西路", "West Road"), ("街", "Street")),
    "unclassified": (("路", "Road"), ("村路", "Village Road"), ("公路", "Road")),
    "residential": (
        ("街", "Street"), ("巷", "Alley"), ("弄", "Lane"), ("支路", "Branch Road"), ("南街", "South Street"),
        ("北街", "North Street"), ("一路", "1st Road"), ("二路", "2nd Road"), ("三路", "3rd Road"), ("里", "Li"),
    ),
}  # fmt: skip
Name = tuple[str, str]
"""(Chinese, English)"""


def stems() -> list[Name]:
    """All stems as (characters, pinyin)."""
    pairs = (entry.split() for entry in STEMS.replace("\n", "|").split("|") if entry.strip())
    return [(zh, en) for zh, en in pairs]


class Names:
    """Draws names. Those of one rank come in a shuffled order and repeat only after all were used."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._left: dict[str, list[Name]] = {}

    def draw(self, rank: Rank) -> Name:
        highway = rank.highway
        if not self._left.get(highway):
            every = [(zh + s, f"{en} {e}") for zh, en in stems() for s, e in SUFFIXES[highway]]
            order = self._rng.permutation(len(every))
            self._left[highway] = [every[i] for i in order]
        return self._left[highway].pop()

    def stem(self) -> Name:
        every = stems()
        return every[int(self._rng.integers(len(every)))]


PARTS = {
    "EW": (("西", "West"), ("中", "Middle"), ("东", "East")),
    "NS": (("南", "South"), ("中", "Middle"), ("北", "North")),
}
MIDDLE_M = 1700.0


def part_name(name: Name, parts: str, point: complex, centre: complex) -> Name:
    """ "前进路", "Qianjin" -> "前进西路", "Qianjin West Road" for a point west of the centre."""
    if not parts:
        return name
    away = (point - centre).real if parts == "EW" else (point - centre).imag
    zh, en = PARTS[parts][1 if abs(away) < MIDDLE_M else 0 if away < 0 else 2]
    stem = name[0].removesuffix("路")
    return f"{stem}{zh}路", f"{name[1]} {en} Road"
