"""After the story: how to look around and try more, until Ctrl-C."""

import json
import time

from deploy.demo.outside import API, NotAsTold
from deploy.demo.screen import Screen
from deploy.demo.stack import Process, Stack

_LOOK_SECONDS = 0.2


def stay(stack: Stack, service: Process, screen: Screen) -> None:
    """Say how to look around, and stay until interrupted or until a program ends."""
    try:
        screen.console.print()
        screen.console.print("Everything stays up until Ctrl-C. Copy a line to look around:", style="bold")
        for line in _lines(stack, service):
            screen.console.print(f"  {line}", soft_wrap=True, style="" if not line.startswith("#") else "dim")
        while service.running and stack.sandbox is not None and stack.sandbox.running:
            time.sleep(_LOOK_SECONDS)
    except KeyboardInterrupt:
        screen.console.print("stopping")
        return
    raise NotAsTold(f"a program ended by itself; its log is in {stack.folder}")


def _lines(stack: Stack, service: Process) -> list[str]:
    org, control = stack.info["salesforce"], stack.info["control"]["url"]
    curl = f"curl -s --cacert {org['ca_file']}"
    token = f"client_id={org['client_id']} -d client_secret={org['client_secret']}"
    data = f"{org['url']}{API}"
    soql = "SELECT+Id,Name,Amount,CurrencyIsoCode,StageName,Payment_Status__c,Payment_Link_Url__c+FROM+Opportunity"
    call = f'grpcurl -plaintext -d \'{{"entity": "{stack.entity}"}}\' {service.info["grpc"]}'
    extract = "python3 -c 'import json, sys; print(json.load(sys.stdin)[\"access_token\"])'"
    signed, json_type = f'{curl} -H "Authorization: Bearer $TOKEN"', '-H "Content-Type: application/json"'
    win = json.dumps({"StageName": "Closed Won"})
    fault = json.dumps({"fault": "duplicate", "copies": 5, "types": ["charge.*"], "times": -1})
    return [
        "# sign in to Salesforce; list its opportunities; win another one (put its id in)",
        f"TOKEN=$({curl} {org['url']}/services/oauth2/token -d grant_type=client_credentials -d {token} | {extract})",
        f'{signed} "{data}/query?q={soql}"',
        f"{signed} {json_type} -X PATCH {data}/sobjects/Opportunity/ID -d '{win}'",
        "# open the Payment_Link_Url__c of the record in a browser and pay, or let the bank decline",
        "# ask Stripe",
        f"curl -s -u {stack.info['stripe']['secret_key']}: {stack.info['stripe']['url']}/v1/payment_intents",
        "# ask Counterfoil (it has gRPC reflection)",
        f"{call} counterfoil.v1.PaymentsService/ListPayments",
        f"curl -s {service.info['web']}/readyz",
        "# see what the sandbox was asked for and what it sent; let it misbehave",
        f"curl -s {control}/stripe/requests; curl -s {control}/stripe/webhooks; curl -s {control}/salesforce/requests",
        f"curl -s {control}/stripe/webhook-faults -d '{fault}'",
        f"# logs and data: {stack.folder}",
        f"tail -f {service.log}",
    ]
