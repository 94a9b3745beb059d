#pragma once

#include <string_view>

namespace kdqat::report {

// Files of this folder and the charting library. CMake writes them into the library as constants.
extern const std::string_view kChartLicence;  ///< licence notice of the charting library and of its parts
extern const std::string_view kChartLibrary;  ///< JavaScript: Vega, as `vega.parse` and `vega.View`
extern const std::string_view kStyle;         ///< page.css
extern const std::string_view kScript;        ///< page.js
extern const std::string_view kLineChart;     ///< line_chart.vg.json: the common part of all line charts
extern const std::string_view kShareChart;    ///< share_chart.vg.json
extern const std::string_view kHeatMap;       ///< heat_map.vg.json
extern const std::string_view kSpreadChart;   ///< spread_chart.vg.json

}  // namespace kdqat::report
