"""One ManagedSubscribe stream: it begins where its subscription was committed, and takes commits."""

import time
from typing import Any

from counterfoil_sandbox.pubsub._pb import pubsub_api_pb2 as pb
from counterfoil_sandbox.pubsub.bus import EventBus, PublishedEvent, UnusableReplayId, encode_position
from counterfoil_sandbox.pubsub.errors import CallFailure
from counterfoil_sandbox.pubsub.managed import ManagedSubscriptionEntry, ManagedSubscriptions
from counterfoil_sandbox.pubsub.subscription import Subscription, consumer_event


class ManagedSubscription(Subscription):
    """Serves one ManagedSubscribe stream."""

    def __init__(self, *, entries: ManagedSubscriptions, **base: Any) -> None:
        super().__init__(**base)
        self._entries = entries
        self._entry: ManagedSubscriptionEntry | None = None
        self._acknowledgements: list[pb.CommitReplayResponse] = []

    def release(self) -> None:
        """Let another client read the subscription."""
        if self._entry is not None:
            self._entry.active = False

    def _open(self, request: Any) -> None:
        entry = self._entries.find(request.subscription_id, request.developer_name)
        if request.HasField("commit_replay_id_request"):
            raise CallFailure("managed.subscription.fetch.request.commit.request.restricted")
        entry.active, self._entry, self.topic = True, entry, entry.topic
        fault = self._faults.take(("expired_token",), self.topic)
        if fault is not None:
            raise fault.failure
        self.position = self._begin(self._bus, entry)
        self._demand(request)

    def _begin(self, bus: EventBus, entry: ManagedSubscriptionEntry) -> int:
        replay = entry.default_replay
        if entry.committed is not None:
            try:
                return bus.resume(entry.topic, encode_position(entry.committed))
            except UnusableReplayId:
                replay = entry.error_recovery_replay
        return 0 if replay == "EARLIEST" else bus.topic(entry.topic).latest

    def _demand(self, request: Any) -> None:
        if request.auth_refresh:
            raise CallFailure("managed.subscription.fetch.request.auth.request.restricted")
        commit = request.HasField("commit_replay_id_request")
        if request.num_requested < 0 or (request.num_requested == 0 and not commit):
            raise CallFailure("managed.subscription.fetch.request.events.invalid")
        if commit:
            self._commit(request.commit_replay_id_request)
        self._add(request.num_requested)

    def _commit(self, request: pb.CommitReplayRequest) -> None:
        answer = pb.CommitReplayResponse(
            commit_request_id=request.commit_request_id,
            replay_id=request.replay_id,
            process_time=int(time.time() * 1000),
        )
        try:
            position = self._bus.resume(self.topic, request.replay_id)
        except UnusableReplayId as refusal:
            answer.error.CopyFrom(pb.Error(code=pb.COMMIT, msg=str(refusal)))
        else:
            assert self._entry is not None  # noqa: S101  (set before any request is read)
            self._entry.committed = max(position, self._entry.committed or 0)
        self._acknowledgements.append(answer)

    async def _acknowledge(self) -> None:
        waiting, self._acknowledgements = self._acknowledgements, []
        errors = [one for one in waiting if one.HasField("error")]
        good = [one for one in waiting if not one.HasField("error")]
        for answer in [*errors, *good[-1:]]:  # one stands for those before it
            await self._context.write(
                pb.ManagedFetchResponse(
                    rpc_id=self.rpc_id, pending_num_requested=self.outstanding, commit_response=answer
                )
            )

    def _response(self, batch: list[PublishedEvent], latest: int) -> Any:
        return pb.ManagedFetchResponse(
            events=[consumer_event(event) for event in batch],
            latest_replay_id=encode_position(latest),
            rpc_id=self.rpc_id,
            pending_num_requested=self.outstanding,
        )
