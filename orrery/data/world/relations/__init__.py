"""Every relation of every kind of entity. To add one: a ``Relation`` in its kind's file, and its values in a table."""

from orrery.data.world.relations import animal, city, company, country, element, invention, person, planet, town
from orrery.data.world.relations.relation import Relation

RELATIONS: dict[str, tuple[Relation, ...]] = {
    "person": person.RELATIONS,
    "town": town.RELATIONS,
    "company": company.RELATIONS,
    "country": country.RELATIONS,
    "element": element.RELATIONS,
    "planet": planet.RELATIONS,
    "animal": animal.RELATIONS,
    "invention": invention.RELATIONS,
    "city": city.RELATIONS,
}

__all__ = ["RELATIONS", "Relation"]
