"""Estimates the resources of a collection on a Milvus cluster, from the figures measured in benches/runs.

    python3 deploy/plan.py                                    10 million, 100 million and a billion passages
    python3 deploy/plan.py 30e6 --replicas 2 --node-memory 128
    python3 deploy/plan.py 30e6 --dimensions 768 --core-rate 12 --json

Measured: passages per second that a core embeds, and the memory and disk per passage on the server. Assumed: linear growth,
how full nodes are, and prices; every value has an option. The estimate says nothing about the queries per second that the
nodes can answer: measure that with the actual collection.
"""

import argparse
import json
import math
from pathlib import Path

RUNS = Path(__file__).resolve().parent.parent / "benches/runs"
HOURS_A_MONTH = 730
GB = 1e9


def newest(part):
    """The newest recorded run of a part, or None."""
    runs = sorted(RUNS.glob(f"*/{part}.json"))
    return json.loads(runs[-1].read_text()) if runs else None


def plan(passages, args):
    """The resources for a number of passages."""
    memory = passages * args.memory_bytes
    # A node holds at most one replica of a collection.
    nodes = args.replicas * math.ceil(memory / (args.node_memory * GB * args.fill))
    core_hours = passages / args.core_rate / 3600
    return {
        "passages": passages,
        "embedding_core_hours": core_hours,
        "embedding_cores": math.ceil(core_hours / (24 * args.days)),
        "memory_gb": args.replicas * memory / GB,
        "query_nodes": nodes,
        "disk_gb": passages * args.disk_bytes / GB,
        "embedding_cost": core_hours * args.core_price,
        "monthly_cost": HOURS_A_MONTH * nodes * args.node_memory * args.memory_price + passages * args.disk_bytes / GB * args.disk_price,
    }


def table(plans, args):
    """The plans as a Markdown table."""
    rows = {
        "embedding, core-hours": lambda plan: f"{plan['embedding_core_hours']:,.0f}",
        f"cores to embed within {24 * args.days:g} hours": lambda plan: f"{plan['embedding_cores']:,}",
        "embedding, one-time cost": lambda plan: f"${plan['embedding_cost']:,.0f}",
        f"memory of vectors, graph and text, {args.replicas} replica{'s' * (args.replicas > 1)}": lambda plan: f"{plan['memory_gb']:,.0f} GB",
        f"query nodes of {args.node_memory:g} GB": lambda plan: f"{plan['query_nodes']:,}",
        "object storage": lambda plan: f"{plan['disk_gb']:,.0f} GB",
        "query nodes and storage, cost per month": lambda plan: f"${plan['monthly_cost']:,.0f}",
    }
    lines = ["| passages | " + " | ".join(f"{plan['passages']:,.0f}" for plan in plans) + " |", "|---|" + "--:|" * len(plans)]
    return lines + [f"| {name} | " + " | ".join(of(plan) for plan in plans) + " |" for name, of in rows.items()]


def arguments(words=None):
    embedding, sizes = newest("embedding"), newest("cluster")["sizes"]
    measured = {name: f"measured: {sizes[name]:,.0f} with {sizes['dimensions']} dimensions"
                for name in ["memory_bytes_a_passage", "disk_bytes_a_passage"]}
    rate = embedding["passages_per_second"]["nigh"] / embedding["threads"]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("passages", nargs="*", type=float, default=[10e6, 100e6, 1e9])
    parser.add_argument("--dimensions", type=int, default=sizes["dimensions"], help="dimensions of the model's vectors [%(default)s]")
    parser.add_argument("--core-rate", type=float, default=rate, help=f"passages per second that a core embeds [measured: {rate:.0f}, with 128 tokens]")
    parser.add_argument("--memory-bytes", type=float, help=f"memory per passage on a query node [{measured['memory_bytes_a_passage']}]")
    parser.add_argument("--disk-bytes", type=float, help=f"disk per passage in object storage [{measured['disk_bytes_a_passage']}]")
    parser.add_argument("--replicas", type=int, default=1, help="replicas in memory; to have more than one, load the collection with Milvus's own tools before nigh opens it [%(default)s]")
    parser.add_argument("--node-memory", type=float, default=64, metavar="GB", help="memory of a query node [%(default)s]")
    parser.add_argument("--fill", type=float, default=0.7, help="share of a node's memory to use [%(default)s]")
    parser.add_argument("--days", type=float, default=1, help="days for embedding all passages [%(default)s]")
    parser.add_argument("--core-price", type=float, default=0.04, metavar="$", help="price of a core-hour [%(default)s, assumed]")
    parser.add_argument("--memory-price", type=float, default=0.008, metavar="$", help="price of a GB of node memory per hour, cores included [%(default)s, assumed]")
    parser.add_argument("--disk-price", type=float, default=0.023, metavar="$", help="price of a GB of object storage per month [%(default)s, assumed]")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(words)
    # Each additional dimension takes four bytes, in memory and on disk.
    wider = 4 * (args.dimensions - sizes["dimensions"])
    for name in ["memory_bytes", "disk_bytes"]:
        if getattr(args, name) is None:
            setattr(args, name, sizes[f"{name}_a_passage"] + wider)
    for name, value in vars(args).items():
        if isinstance(value, (int, float)) and not isinstance(value, bool) and value <= 0:
            parser.error(f"--{name.replace('_', '-')}: expected a positive number, found {value}")
    return args


def main():
    args = arguments()
    plans = [plan(passages, args) for passages in args.passages]
    print(json.dumps(plans, indent=1) if args.json else "\n".join(table(plans, args)))


if __name__ == "__main__":
    main()
