from service.redaction import FIELDS, FieldClass, without_people


def test_every_class_has_fields_and_the_rest_stays() -> None:
    assert set(FIELDS.values()) == set(FieldClass)
    body = {
        "id": "cus_1",
        "amount": 5,
        "metadata": {"salesforce_record_id": "001"},
        "name": "Ada",
        "email": None,
        "lines": [{"description": "for Ada", "amount": 3}],
        "shipping": {"name": "Ada"},
    }
    assert without_people(body, "-") == {
        "id": "cus_1",
        "amount": 5,
        "metadata": {"salesforce_record_id": "001"},
        "name": "-",
        "email": None,
        "lines": [{"description": "-", "amount": 3}],
        "shipping": "-",
    }
