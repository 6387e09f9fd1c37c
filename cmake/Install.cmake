# What `cmake --install` puts where, so that other projects find this one with
# find_package(VirtualLog). Libraries are exported one by one, as VirtualLog::NAME for vlog_NAME.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(VLOG_HEADER_DIR ${CMAKE_INSTALL_INCLUDEDIR}/vlog)
set(VLOG_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/VirtualLog)

# vlog_export(NAME [SUITE]): vlog_NAME is installed and exported, and is VirtualLog::NAME in this
# build too. A library that an exported one links must be exported as well.
function(vlog_export name)
  set(set VirtualLogTargets)
  if("SUITE" IN_LIST ARGN)
    set(set VirtualLogSuiteTargets)
  endif()
  set_target_properties(vlog_${name} PROPERTIES EXPORT_NAME ${name})
  install(TARGETS vlog_${name} EXPORT ${set} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  add_library(VirtualLog::${name} ALIAS vlog_${name})
endfunction()

# The public headers: those that public_headers.txt lists, and no others.
function(vlog_install_headers)
  set(list ${PROJECT_SOURCE_DIR}/cmake/public_headers.txt)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${list})
  file(STRINGS ${list} headers REGEX "^[^#]")
  foreach(header ${headers})
    set(found "")
    foreach(folder src tests)
      if(EXISTS ${PROJECT_SOURCE_DIR}/${folder}/${header})
        set(found ${PROJECT_SOURCE_DIR}/${folder}/${header})
      endif()
    endforeach()
    if(NOT found)
      message(FATAL_ERROR "cmake/public_headers.txt lists '${header}', "
                          "which is in neither src/ nor tests/")
    endif()
    cmake_path(GET header PARENT_PATH folder)
    install(FILES ${found} DESTINATION ${VLOG_HEADER_DIR}/${folder})
  endforeach()
endfunction()

# The package files. Called once, when all libraries are known.
function(vlog_install_package)
  configure_package_config_file(
    ${PROJECT_SOURCE_DIR}/cmake/VirtualLogConfig.cmake.in
    ${PROJECT_BINARY_DIR}/VirtualLogConfig.cmake
    INSTALL_DESTINATION ${VLOG_PACKAGE_DIR})
  # Below 1.0 each minor version may break what the one before promised.
  write_basic_package_version_file(${PROJECT_BINARY_DIR}/VirtualLogConfigVersion.cmake
                                   COMPATIBILITY SameMinorVersion)
  install(FILES ${PROJECT_BINARY_DIR}/VirtualLogConfig.cmake
                ${PROJECT_BINARY_DIR}/VirtualLogConfigVersion.cmake
                ${PROJECT_SOURCE_DIR}/cmake/FindISAL.cmake
          DESTINATION ${VLOG_PACKAGE_DIR})
  install(EXPORT VirtualLogTargets NAMESPACE VirtualLog:: DESTINATION ${VLOG_PACKAGE_DIR})
  if(BUILD_TESTING)
    install(EXPORT VirtualLogSuiteTargets NAMESPACE VirtualLog:: DESTINATION ${VLOG_PACKAGE_DIR})
  endif()
  install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
endfunction()
