#include "piecemark/component.h"

namespace piecemark {
namespace {

std::optional<std::string_view> borrow(const std::optional<std::string>& text) {
  return text ? std::optional<std::string_view>(*text) : std::nullopt;
}

std::optional<std::string> copy(const std::optional<std::string_view>& text) {
  return text ? std::optional<std::string>(*text) : std::nullopt;
}

}  // namespace

ComponentRow row_of(const Component& component) {
  return {
      .id = component.id,
      .drawing_id = component.drawing_id,
      .piece_mark = component.piece_mark,
      .instance_identifier = borrow(component.instance_identifier),
      .component_type = borrow(component.component_type),
      .quantity = component.quantity,
      .material_type = borrow(component.material_type),
      .location_x = component.location_x,
      .location_y = component.location_y,
      .bounding_box = borrow(component.bounding_box),
      .confidence_score = component.confidence_score,
      .review_status = borrow(component.review_status),
      .created_at = component.created_at,
      .updated_at = component.updated_at,
  };
}

Component to_component(const ComponentRow& row) {
  return {
      .id = row.id,
      .drawing_id = row.drawing_id,
      .piece_mark = std::string(row.piece_mark),
      .instance_identifier = copy(row.instance_identifier),
      .component_type = copy(row.component_type),
      .quantity = row.quantity,
      .material_type = copy(row.material_type),
      .location_x = row.location_x,
      .location_y = row.location_y,
      .bounding_box = copy(row.bounding_box),
      .confidence_score = row.confidence_score,
      .review_status = copy(row.review_status),
      .created_at = row.created_at,
      .updated_at = row.updated_at,
  };
}

}  // namespace piecemark
